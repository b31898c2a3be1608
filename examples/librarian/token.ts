/**
 * Whether a request is from the one person who uses this: it has this start's token, in a header or in the page's
 * cookie.
 */
import { timingSafeEqual } from "node:crypto"

/** The cookie that the page gets; ports share cookies, so the port is in its name. */
export const cookieName = (port: string): string => `throughline-${port}`

export const hasToken = (request: Request, token: string): boolean => {
  const bearer = /^Bearer (.+)$/.exec(request.headers.get("authorization") ?? "")?.[1]
  return same(bearer ?? cookieOf(request), token)
}
const cookieOf = (request: Request): string => {
  const name = cookieName(new URL(request.url).port)
  for (const pair of (request.headers.get("cookie") ?? "").split(/;\s*/)) {
    if (pair.startsWith(`${name}=`)) return pair.slice(name.length + 1)
  }
  return ""
}
const same = (given: string, wanted: string): boolean => {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)]
  return a.length === b.length && timingSafeEqual(a, b)
}
