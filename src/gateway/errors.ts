/** What every gateway adapter says alike: a frame that is too large, an option that is wrong, why nobody answered. */
import { FrameTooLarge, GatewayError, GatewayUnavailable } from "../ports/GatewayError.ts"

/** The error for a frame of more than `limitBytes`; its bytes are counted only where the length alone does not tell. */
export const frameTooLarge = (frame: string, limitBytes: number): GatewayError | undefined => {
  if (frame.length * 3 <= limitBytes) return undefined
  const sizeBytes = Buffer.byteLength(frame)
  return sizeBytes > limitBytes
    ? new GatewayError({ operation: "publish", reason: new FrameTooLarge({ sizeBytes, limitBytes }) })
    : undefined
}

/** `message` is for people and holds no secret. */
export const unavailable = (operation: GatewayError["operation"], message: string): GatewayError =>
  new GatewayError({ operation, reason: new GatewayUnavailable({ cause: new Error(message) }) })

/** `fetch` says only that it failed; its cause says why. */
export const messageOf = (cause: unknown): string => {
  const { cause: inner, message } = Object(cause) as { readonly cause?: unknown; readonly message?: string }
  return inner instanceof Error ? inner.message : String(message)
}

/** `url` without slashes at its end. Throws a `TypeError` that names `setting` unless it begins with one of `schemes`. */
export const checkUrl = (setting: string, url: string, schemes: readonly string[] = ["http", "https"]): string => {
  if (!URL.canParse(url) || !schemes.includes(new URL(url).protocol.slice(0, -1)))
    throw new TypeError(`${setting} must be ${schemes.join("|")}://host[:port][/path]`)
  return url.replace(/\/+$/, "")
}
