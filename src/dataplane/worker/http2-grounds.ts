import { createComposedRequest } from '../../mechanisms/http2/composed-request.ts'
import { RequestText } from '../../mechanisms/http2/request-text.ts'
import { ResponseText } from '../../mechanisms/http2/response-text.ts'
import type { Clock } from '../../platform/capability.ts'
import type { Http2Ground } from '../client/ground.ts'
import { FrameBuffers } from '../io/frame-buffers.ts'
import type { Http2Upstream } from '../upstream/ground.ts'

/** What the HTTP/2 connections of one worker share, of its clients and to its instances. */
export function createHttp2Grounds(clock: Clock): {
  readonly http2: Http2Ground
  readonly http2Upstream: Http2Upstream
} {
  const frames = new FrameBuffers(clock)
  return {
    http2: { frames, requestText: new RequestText(), trailerText: new ResponseText() },
    http2Upstream: { frames, responseText: new ResponseText(), request: createComposedRequest() },
  }
}
