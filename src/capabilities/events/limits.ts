/** What clients can make large, and how large it may be. The rest is in `events.limits`. */

/** Bytes of the name of a stream, UTF-8. */
export const STREAM_NAME_BYTES_MAX = 1_024
/** Bytes of the name of a type, UTF-8. */
export const TYPE_NAME_BYTES_MAX = 1_024
/** Events of one append. */
export const APPEND_EVENTS_MAX = 10_000
/** Streams of one append, those that are only checked among them. */
export const APPEND_STREAMS_MAX = 1_000
/** Appends that may wait for the commit before theirs. */
export const APPENDS_WAITING_MAX = 20_000
/** Bytes that may wait for the commit before theirs. */
export const APPENDS_WAITING_BYTES_MAX = 128 * 1024 * 1024
/** Appends and bytes of one commit: a longer one would make the first of them wait too long. */
export const GROUP_APPENDS_MAX = 1_000
export const GROUP_BYTES_MAX = 8 * 1024 * 1024
/** Events and bytes of a page. */
export const PAGE_EVENTS_MAX = 4_096
export const PAGE_BYTES_MAX = 4 * 1024 * 1024
/** Reads that may be unanswered. */
export const READS_WAITING_MAX = 1_000
/** Events that a filter looks at for one page. */
export const FILTER_WINDOW_MAX = 20_000
/** An expression of a filter, characters; and prefixes of one. */
export const EXPRESSION_LENGTH_MAX = 1_000
export const PREFIXES_MAX = 100
/** The ids of so many newest events are remembered for appends that expect nothing exact. */
export const IDS_REMEMBERED_MAX = 100_000
