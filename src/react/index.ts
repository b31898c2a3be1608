/**
 * React hooks over the client: a thread's view by selector, its connection, and a thread for a component's life.
 *
 * Safe under StrictMode, concurrent rendering and on a server, where a thread shows what it has. A component
 * renders again only when what it selected changed.
 */
export { useConnection, useOpenThread, useThread } from "./hooks.ts"
