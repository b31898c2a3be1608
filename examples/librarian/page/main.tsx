/**
 * Opens the thread that the address names and shows it. `?thread=` makes a reload, and a second tab, the same page.
 */
import { createRoot } from "react-dom/client"
import { openThread } from "throughline/client"
import { gatewayClients } from "../../gateways/clients.ts"
import { App } from "./App.tsx"
import type { LibraryCard } from "./App.tsx"
import { paced } from "./pace.ts"

const address = (thread: string): string => `?thread=${encodeURIComponent(thread)}`
const named = new URLSearchParams(location.search).get("thread")
const name = named ?? crypto.randomUUID()
if (named === null) history.replaceState(null, "", address(name))

const element = document.getElementById("root")
if (element === null) throw new Error("The page has no root element.")
const root = createRoot(element)

const boot = async (): Promise<void> => {
  const response = await fetch("/library.json")
  if (!response.ok) throw new Error(`The server answered ${response.status}.`)
  const library = (await response.json()) as LibraryCard
  const thread = openThread({
    endpoint: `${location.origin}/api`,
    thread: name,
    gateways: gatewayClients()
  })
  // In the browser's console `thread.view` is what the page shows.
  Object.assign(globalThis, { thread })
  root.render(
    <App thread={paced(thread)} library={library} onNew={() => location.assign(address(crypto.randomUUID()))} />
  )
}
boot().catch(() => {
  root.render(
    <main className="conversation">
      <div className="trouble" role="alert">
        <p className="trouble-title">The server does not answer</p>
        <p>See whether the command in the terminal still runs, then reload this page.</p>
      </div>
    </main>
  )
})
