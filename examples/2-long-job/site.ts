/** The page's three files, for whoever opens them on this machine. */
import { readFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { bundle } from "../librarian/bundle.ts"
import { cookieName } from "../librarian/token.ts"

/** `socket`: where the gateway is. Rejects when the page cannot be bundled. */
export const createSite = async (options: {
  readonly token: string
  readonly socket: string
}): Promise<(request: Request) => Promise<Response>> => {
  const folder = new URL("./page/", import.meta.url)
  const [script, html, css] = await Promise.all([
    bundle(fileURLToPath(new URL("main.tsx", folder))),
    readFile(new URL("index.html", folder), "utf8"),
    readFile(new URL("page.css", folder), "utf8")
  ])
  const files: Readonly<Record<string, readonly [body: string, type: string]>> = {
    "/": [html, "text/html"],
    "/page.js": [script, "text/javascript"],
    "/page.css": [css, "text/css"]
  }
  return async (request) => {
    const { hostname, pathname, port } = new URL(request.url)
    // A foreign name that leads here is somebody else's page.
    if (hostname !== "127.0.0.1" && hostname !== "localhost") return new Response("", { status: 421 })
    const [body, type] = files[pathname] ?? ["There is nothing here.", "text/plain"]
    return new Response(body, {
      status: pathname in files ? 200 : 404,
      headers: {
        "content-type": `${type}; charset=utf-8`,
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-resource-policy": "same-origin",
        "content-security-policy": `default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self' ${options.socket.replace(/^http/, "ws")}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'`,
        ...(pathname === "/"
          ? { "set-cookie": `${cookieName(port)}=${options.token}; Path=/; HttpOnly; SameSite=Strict` }
          : {})
      }
    })
  }
}
