/**
 * Paths of the REST API: from a URL to hub, pattern, parameters and query.
 *
 * Segments are decoded one by one, so that a group named `a/b` stays one segment.
 */
export interface RoutePath {
  readonly hub: string
  /** The path below the hub with `*` for each parameter; a group's send is "groups, *, :send". */
  readonly pattern: string
  readonly parameters: readonly string[]
  readonly query: URLSearchParams
}

/** Undefined when the path is not below `/api/hubs/{hub}` or is not decodable. */
export const readPath = (url: string): RoutePath | undefined => {
  const question = url.indexOf("?")
  const path = question < 0 ? url : url.slice(0, question)
  const segments = path.split("/")
  if (segments.length < 4 || segments[1] !== "api" || segments[2] !== "hubs") return undefined
  const parameters: string[] = []
  let pattern = ""
  try {
    const hub = decodeURIComponent(segments[3]!)
    for (let i = 4; i < segments.length; i++) {
      const segment = segments[i]!
      // Words and parameters alternate; a segment that begins with a colon is an action.
      const isParameter = (i - 4) % 2 === 1 && !segment.startsWith(":")
      if (isParameter) parameters.push(decodeURIComponent(segment))
      pattern += isParameter ? "/*" : `/${segment}`
    }
    return { hub, pattern, parameters, query: new URLSearchParams(question < 0 ? "" : url.slice(question + 1)) }
  } catch {
    return undefined
  }
}
