/**
 * The server process: the backend's routes below `/api`, and the page.
 *
 * It listens before it is ready, because the gateway must be told where to call; requests that come in between
 * wait. It holds no sockets and no state: the gateway has the ones, the log the other.
 */
import { serve } from "throughline/node"
import { createLibrarian } from "./agent.ts"
import { librarianBackend } from "./backend.ts"
import { openLibrary } from "./library.ts"
import { connectParent, runChild } from "./parent.ts"

let close = async (): Promise<void> => {}
const parent = connectParent(() => close())

await runChild(parent, async () => {
  const settings = await parent.settings
  const handler = Promise.withResolvers<(request: Request) => Promise<Response>>()
  const server = await serve(
    { fetch: async (request: Request) => (await handler.promise)(request) },
    { port: settings.port, host: "127.0.0.1" }
  )
  parent.say({ type: "listening", url: server.url })

  const library = await openLibrary(settings.docs)
  const gateway = await parent.gateway
  const backend = await librarianBackend(settings, gateway.settings, createLibrarian({ library }))
  const [site] = await Promise.all([
    settings.page
      ? (await import("./site.ts")).createSite({
          library,
          token: settings.token,
          url: server.url,
          connectsTo: gateway.connectsTo
        })
      : nothing,
    backend.ready()
  ])
  handler.resolve((request) =>
    new URL(request.url).pathname.startsWith("/api/") ? backend.fetch(request) : site(request)
  )
  close = async () => {
    await server.close()
    await backend.close()
  }
  parent.say({ type: "ready" })
})

function nothing(): Promise<Response> {
  return Promise.resolve(new Response("There is no page here.", { status: 404 }))
}
