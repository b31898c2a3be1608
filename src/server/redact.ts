/**
 * The one redactor for everything that leaves the backend for an operator: log lines, spans, rejected errors.
 *
 * What looks like a secret becomes `[redacted]`, wherever it stands in a text: by its name, by its scheme, by its
 * shape, or because the backend knows it. A text stays one line: control characters are escaped, so nothing that
 * a client wrote can forge a line or steer a terminal.
 */
const GONE = "[redacted]"
/** Longer texts are cut: a log line is for people. */
const MAX_LENGTH = 16 * 1024

const END = String.raw`\s"'\\<>,;&|)}\]`
/** Fields and parameters whose value is a secret, in whatever spelling. */
const NAMES = [
  "access[_-]?token",
  "awps_reconnection_token",
  "refresh[_-]?token",
  "id[_-]?token",
  "reconnection[_-]?token",
  "token",
  "sig",
  "signature",
  "ce-signature",
  "throughline-signature",
  "access[_-]?key",
  "account[_-]?key",
  "shared[_-]?access[_-]?key",
  "shared[_-]?access[_-]?signature",
  "api[_-]?key",
  "x-functions-key",
  "upstream[_-]?key",
  "client[_-]?secret",
  "secret",
  "password",
  "passwd",
  "pwd",
  "cookie",
  "set-cookie",
  "connection[_-]?string"
].join("|")

const RULES: readonly (readonly [RegExp, string])[] = [
  // scheme://user:password@host
  [/\b([a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/?#"'@]{0,1024}@/gi, `$1${GONE}@`],
  // JWT and JWE, also without a signature
  [/\bey[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*\.[A-Za-z0-9_.-]*/g, GONE],
  // Authorization: <scheme> <credentials>
  [/(["']?\bauthorization["']?\s*[:=]\s*["']?)[^\r\n"']+/gi, `$1${GONE}`],
  [
    new RegExp(
      String.raw`\b(Bearer|Basic|SharedKeyLite|SharedKey|SharedAccessSignature|HMAC-SHA256)\s+(?!\[redacted\])[^${END}]{6,}`,
      "gi"
    ),
    `$1 ${GONE}`
  ],
  // name=value, name: value, "name":"value", name%3Dvalue
  [
    new RegExp(
      String.raw`((?<![A-Za-z0-9])(?:${NAMES})\\?["']?(?:\s*[:=]\s*|%3[AaDd])\\?["']?)(?!\[redacted\])[^${END}]+`,
      "gi"
    ),
    `$1${GONE}`
  ],
  // these two are words elsewhere: secret only as parameters of a URL
  [new RegExp(String.raw`([?&](?:code|tl)=)(?!\[redacted\])[^${END}]+`, "gi"), `$1${GONE}`]
]

export type Redact = (text: string) => string

/** `known`: secrets that the backend was given, found whatever they look like. */
export const makeRedact = (known: readonly (string | undefined)[]): Redact => {
  const literal = known.filter((secret): secret is string => secret !== undefined && secret.length >= 8)
  return (text) => {
    let clean = text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text
    for (const secret of literal) clean = clean.replaceAll(secret, GONE)
    for (const [pattern, replacement] of RULES) clean = clean.replace(pattern, replacement)
    return oneLine(clean)
  }
}
export const redact = makeRedact([])

/** C0, DEL, C1, the line separators of Unicode, and what turns the direction of a line. */
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g
const oneLine = (text: string): string =>
  text.replace(CONTROL, (char) =>
    char === "\n" ? "\\n" : char === "\t" ? "\\t" : `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`
  )

const MAX_CAUSES = 8
/** Any value as one redacted line; of an error its stack and what caused it, never the fields a vendor hung on it. */
export const describe = (value: unknown, redact: Redact): string => redact(textOf(value, 0))

const textOf = (value: unknown, depth: number): string => {
  if (typeof value === "string") return value
  if (value instanceof Error) {
    const own = ownText(value)
    const inner = causeOf(value)
    return inner === undefined || depth >= MAX_CAUSES ? own : `${own}\ncaused by ${textOf(inner, depth + 1)}`
  }
  try {
    return JSON.stringify(value) ?? String(value)
  } catch {
    return Object.prototype.toString.call(value)
  }
}
const ownText = (error: Error): string => {
  try {
    const { message, name, stack } = error
    const title = `${name}: ${message}`
    // a tagged error's message is made when it is read; its stack may not have it
    return typeof stack !== "string" ? title : stack.includes(message) ? stack : `${title}\n${stack}`
  } catch {
    return "an error that cannot be read"
  }
}
const causeOf = (error: Error): unknown => {
  if (error.cause !== undefined) return error.cause
  const { reason } = error as { readonly reason?: unknown }
  return reason instanceof Error ? reason : undefined
}

/** As a host may log it: the same name and text without secrets, and nothing of what hung on it. */
export const redactError = (error: unknown, redact: Redact): unknown => {
  if (!(error instanceof Error)) return error
  const Kind = error instanceof TypeError ? TypeError : Error
  const clean = new Kind(redact(error.message))
  clean.name = error.name
  clean.stack = describe(error, redact).replaceAll("\\n", "\n")
  return clean
}
