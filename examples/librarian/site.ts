/**
 * The page and what it needs beside the backend: its files, what the library holds, single sections.
 *
 * The page's script is bundled when the server starts and kept in memory. Answers carry a policy that allows the
 * page's own files and its gateway, nothing else. Whoever opens the page from this machine gets a cookie that the
 * backend asks for; other sites cannot send it, and a foreign host name (DNS rebinding) is refused.
 */
import { readFile } from "node:fs/promises"
import { basename } from "node:path"
import { fileURLToPath } from "node:url"
import { bundle } from "./bundle.ts"
import type { Library } from "./library.ts"
import { suggestQuestions } from "./searching.ts"
import { cookieName } from "./token.ts"

export interface SiteOptions {
  readonly library: Library
  readonly token: string
  /** Where the server listens, `http://127.0.0.1:PORT`. */
  readonly url: string
  /** What the page may connect to besides: where the gateway is. */
  readonly connectsTo: readonly string[]
}
type Site = (request: Request) => Promise<Response>

const SUGGESTIONS = 5

/** Rejects when the page cannot be bundled. */
export const createSite = async ({ library, token, url, connectsTo }: SiteOptions): Promise<Site> => {
  const folder = new URL("./page/", import.meta.url)
  const [script, html, css, asks, icon] = await Promise.all([
    bundle(fileURLToPath(new URL("main.tsx", folder))),
    readFile(new URL("index.html", folder), "utf8"),
    readFile(new URL("page.css", folder), "utf8"),
    readFile(new URL("ask.css", folder), "utf8"),
    readFile(new URL("icon.svg", folder), "utf8")
  ])
  const { port, host } = new URL(url)
  const hosts = new Set([host, `localhost:${port}`])
  const gateway = connectsTo.map((origin) => ` ${origin.replace(/\/$/, "")}`).join("")
  const headers = (type: string, more: Readonly<Record<string, string>> = {}): Record<string, string> => ({
    "content-type": type,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'${gateway}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'`,
    ...more
  })
  const text = (body: string, type: string, more?: Readonly<Record<string, string>>): Response =>
    new Response(body, { headers: headers(type, more) })
  const json = (value: unknown, status = 200): Response =>
    new Response(JSON.stringify(value), { status, headers: headers("application/json") })

  const card = async (): Promise<Response> => {
    await library.refresh()
    return json({
      name: basename(library.root),
      documents: library.documents(),
      sections: library.sections().length,
      suggestions: suggestQuestions(library, SUGGESTIONS),
      answers: (process.env["LIBRARIAN_MODEL"] ?? "") === "" ? "quotes" : "model"
    })
  }
  const section = async (ref: string): Promise<Response> => {
    // The worker may have written it since the folder was looked at.
    if (library.find(ref) === undefined) await library.refresh()
    const found = library.find(ref)
    if (found === undefined) return json({ ok: false }, 404)
    const read = await library.read(ref).catch(() => undefined)
    if (read === undefined) return json({ ok: false }, 404)
    return json({
      title: found.title,
      path: found.path,
      lines: [found.startLine, found.endLine],
      text: withoutHeading(read, found.anchor !== "")
    })
  }

  return async (request) => {
    const asked = new URL(request.url)
    if (!hosts.has(asked.host))
      return new Response("Open the address that the terminal shows.", { status: 421, headers: headers("text/plain") })
    if (request.method !== "GET" && request.method !== "HEAD")
      return new Response("", { status: 405, headers: headers("text/plain", { allow: "GET, HEAD" }) })
    // Other sites may not read these; a browser says when they try.
    const from = request.headers.get("sec-fetch-site")
    if (from === "cross-site" && asked.pathname !== "/")
      return new Response("", { status: 403, headers: headers("text/plain") })
    switch (asked.pathname) {
      case "/":
        return text(html, "text/html; charset=utf-8", {
          "set-cookie": `${cookieName(port)}=${token}; Path=/; HttpOnly; SameSite=Strict`
        })
      case "/page.js":
        return text(script, "text/javascript; charset=utf-8")
      case "/page.css":
        return text(css, "text/css; charset=utf-8")
      case "/ask.css":
        return text(asks, "text/css; charset=utf-8")
      case "/icon.svg":
        return text(icon, "image/svg+xml")
      case "/library.json":
        return card()
      case "/section":
        return section(asked.searchParams.get("ref") ?? "")
      default:
        return new Response("There is nothing here.", { status: 404, headers: headers("text/plain") })
    }
  }
}

/** The dialog has the title already. */
const withoutHeading = (text: string, headed: boolean): string =>
  headed ? text.replace(/^ {0,3}#{1,6}[^\n]*\n|^[^\n]+\n(=+|-+)[ \t]*\n/, "") : text
