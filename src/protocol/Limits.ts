/**
 * Every bound and period of the protocol, in one place. Rules: PROTOCOL.md#limits
 *
 * Bytes are UTF-8 bytes of the encoded JSON; times are milliseconds.
 */
export const PROTOCOL_VERSION = 1
/** Largest encoded entry, log and wire alike. Longer values are refused by name of field. */
export const MAX_ENTRY_BYTES = 256 * 1024
/** Largest encoded value of one note. */
export const MAX_NOTE_BYTES = 32 * 1024
/** Largest encoded control record. */
export const MAX_CONTROL_BYTES = 16 * 1024
/** Largest body of one request or interrupt from a client. */
export const MAX_REQUEST_BYTES = 64 * 1024
/** Deepest nesting of arrays and objects in anything that is decoded. */
export const MAX_DEPTH = 64
/** Most members of one array or object in anything that comes from a client. */
export const MAX_MEMBERS = 10_000
/** Longest id, in UTF-16 units. */
export const MAX_ID_LENGTH = 128
/** Unfinished runs in one thread. */
export const MAX_OPEN_RUNS = 64
/** Interrupts of one run that are accepted and not yet applied. */
export const MAX_OPEN_INTERRUPTS = 32
/** Asks of one run that are open at once. */
export const MAX_OPEN_ASKS = 32
/** Entries and bytes that a client holds back while an earlier offset is missing. */
export const MAX_HELD_ENTRIES = 256
export const MAX_HELD_BYTES = 1024 * 1024
/** How long a client waits for a missing offset before it asks, plus as much jitter again. */
export const GAP_WAIT_MILLIS = 150
/** A worker that published nothing for this long sends a head frame. */
export const HEAD_FRAME_MILLIS = 4_000
/** A client that watches a started run and hears nothing for this long fetches the tail. */
export const SILENCE_MILLIS = 5_000
/** How often a client asks for the head while nothing runs. */
export const IDLE_CHECK_MILLIS = 60_000
/** How long a run may go without an append before it counts as lost. */
export const LEASE_MILLIS = 30_000
/** How long an accepted run may wait for a worker before the sweeper enqueues it again. */
export const TAKE_MILLIS = 15_000
/** Times a lost run is given to another worker before it ends as `worker_lost`. */
export const MAX_EPOCHS = 5
/** Largest answer of the view route, unless an unfinished run began further back; older messages by `?before=`. */
export const MAX_VIEW_BYTES = 1024 * 1024
/** Largest page of the entries route. */
export const MAX_PAGE_BYTES = 1024 * 1024
export const MAX_PAGE_ENTRIES = 1_000
