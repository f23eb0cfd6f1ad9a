"""grpcio and httpx: `grpc-server` serves and prints its port, `grpc HOST:PORT` calls it, `httpx URL CA` speaks HTTP/2 over TLS."""
import sys
import time
from concurrent import futures


def serve():
    import grpc

    def unary(request, context):
        context.send_initial_metadata((("x-head", "a"),))
        context.set_trailing_metadata((("x-tail-bin", b"\x01\x02"),))
        return request

    def many(request, _context):
        for _ in range(100):
            yield request

    def chat(requests, _context):
        yield from requests

    def fail(_request, context):
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "nö: 100%")

    def hang(_request, _context):
        time.sleep(5)
        return b""

    handler = grpc.method_handlers_generic_handler(
        "echo.Echo",
        {
            "Unary": grpc.unary_unary_rpc_method_handler(unary),
            "Many": grpc.unary_stream_rpc_method_handler(many),
            "Chat": grpc.stream_stream_rpc_method_handler(chat),
            "Fail": grpc.unary_unary_rpc_method_handler(fail),
            "Hang": grpc.unary_unary_rpc_method_handler(hang),
        },
    )
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    server.wait_for_termination()


def call(target):
    import grpc

    with grpc.insecure_channel(target) as channel:
        unary = channel.unary_unary("/echo.Echo/Unary")
        said, detail = unary.with_call(b"hello", timeout=10)
        assert said == b"hello", said
        assert ("x-head", "a") in detail.initial_metadata()
        assert ("x-tail-bin", b"\x01\x02") in detail.trailing_metadata()
        large = b"x" * 2_000_000
        assert unary(large, timeout=20) == large
        assert len(list(channel.unary_stream("/echo.Echo/Many")(b"m", timeout=10))) == 100
        heard = list(channel.stream_stream("/echo.Echo/Chat")(iter([b"a", b"b", b"c"]), timeout=10))
        assert heard == [b"a", b"b", b"c"], heard
        for name, code in (("Fail", grpc.StatusCode.FAILED_PRECONDITION), ("Hang", grpc.StatusCode.DEADLINE_EXCEEDED)):
            try:
                channel.unary_unary(f"/echo.Echo/{name}")(b"", timeout=0.3 if name == "Hang" else 10)
                raise AssertionError(name)
            except grpc.RpcError as error:
                assert error.code() == code, error
                if name == "Fail":
                    assert error.details() == "nö: 100%", error.details()
        calls = [unary.future(str(at).encode(), timeout=20) for at in range(500)]
        assert [call.result() for call in calls] == [str(at).encode() for at in range(500)]
    print("passed", flush=True)


def fetch(url, ca):
    import ssl

    import httpx

    context = ssl.create_default_context(cafile=ca)
    with httpx.Client(http2=True, verify=context, timeout=20) as client:
        first = client.get(url)
        assert first.http_version == "HTTP/2", first.http_version
        assert first.status_code == 200
        body = "x" * 500_000
        echoed = client.post(url, content=body)
        assert echoed.text.strip() == body, len(echoed.text)
        chunks = client.post(url, content=(b"a" * 1000 for _ in range(100)))
        assert chunks.text.strip() == "a" * 100_000
        assert {client.get(url).http_version for _ in range(50)} == {"HTTP/2"}
    print("passed", flush=True)


match sys.argv[1]:
    case "grpc-server":
        serve()
    case "grpc":
        call(sys.argv[2])
    case "httpx":
        fetch(sys.argv[2], sys.argv[3])
