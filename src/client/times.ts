/**
 * The times that a connection keeps. A module without imports: bundlers then write the numbers where they are used.
 */

/** How long a gateway's own client may bridge a cut before we connect anew. */
export const BRIDGE_MILLIS = 2_000
/** How long a connection may take to open. */
export const OPEN_MILLIS = 10_000
/** How long the old connection stays for frames that are still on their way through it. */
export const LINGER_MILLIS = 1_000
/** A grant this near to its end is not used again. */
export const GRANT_MARGIN_MILLIS = 5_000
/** How long the socket may take to answer an interrupt before HTTP is asked too. */
export const INVOKE_MILLIS = 2_000
/** Least time between two renewals for missing frames. */
export const RENEW_MILLIS = 30_000
/** When to ask again after a refusal that will not change soon. */
export const REFUSED_MILLIS = 30_000
