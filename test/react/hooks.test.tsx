// @vitest-environment happy-dom
import { StrictMode, act, createElement, useState } from "react"
import { createRoot } from "react-dom/client"
import type { Root } from "react-dom/client"
import { renderToString } from "react-dom/server"
import { afterEach, describe, expect, it } from "vitest"
import { openThread } from "../../src/client/index.ts"
import type { Thread } from "../../src/client/index.ts"
import { useConnection, useOpenThread, useThread } from "../../src/react/index.ts"
import { fakeBackend, fakeGateway, runEvents } from "../client/fake.ts"
import { virtualClock } from "../client/virtual.ts"

Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true })

const setUp = () => {
  const clock = virtualClock()
  const backend = fakeBackend(clock)
  const gateway = fakeGateway(clock)
  const options = { endpoint: "/api", gateways: [gateway], fetch: backend.fetch, environment: clock }
  const say = (thread: string, events: Parameters<typeof backend.append>[1]) =>
    gateway.publish(thread, JSON.stringify(backend.append(thread, events)))
  return { clock, backend, gateway, options, say }
}
let root: Root | undefined
const render = async (element: React.ReactNode) => {
  const container = document.createElement("div")
  root ??= createRoot(container)
  await act(async () => root!.render(element))
  return container
}
afterEach(async () => {
  await act(async () => root?.unmount())
  root = undefined
})
const textOf = (thread: Thread | undefined) =>
  useThread(thread, (view) =>
    view.messages
      .flatMap((message) => message.parts)
      .map((part) => (part.type === "text" ? part.text : ""))
      .join("")
  )

describe("useThread", () => {
  it("renders what was selected, and again only when that changes", async () => {
    const { clock, options, say } = setUp()
    const thread = openThread({ ...options, thread: "t1" })
    await clock.advance(100)
    let texts = 0
    let agents = 0
    const Text = () => {
      texts++
      return <p>{textOf(thread)}</p>
    }
    const Agents = () => {
      agents++
      return (
        <b>
          {useThread(
            thread,
            (view) => view.runs.map((run) => run.agent),
            (a, b) => a.join() === b.join()
          ).join()}
        </b>
      )
    }
    const container = await render(
      <>
        <Text />
        <Agents />
      </>
    )
    await act(async () => say("t1", runEvents.begin("r1")))
    const before = agents
    await act(async () => say("t1", runEvents.delta("r1", "Hello ")))
    await act(async () => say("t1", runEvents.delta("r1", "you")))
    expect(container.innerHTML).toBe("<p>Hello you</p><b>writer</b>")
    expect(agents).toBe(before)
    expect(texts).toBeGreaterThanOrEqual(3)
    thread.close()
  })
  it("keeps the identity of an equal selection across renders with a new selector", async () => {
    const { clock, options, say } = setUp()
    const thread = openThread({ ...options, thread: "t1" })
    await clock.advance(100)
    say("t1", runEvents.begin("r1"))
    const seen = new Set<unknown>()
    let again = () => {}
    const List = () => {
      const [, set] = useState(0)
      again = () => set((count) => count + 1)
      seen.add(
        useThread(
          thread,
          (view) => view.messages.map((message) => message.id),
          (a, b) => a.join() === b.join()
        )
      )
      return null
    }
    await render(
      <StrictMode>
        <List />
      </StrictMode>
    )
    await act(async () => again())
    await act(async () => say("t1", runEvents.delta("r1", "x")))
    await act(async () => again())
    expect(seen.size).toBeLessThanOrEqual(2)
    const last = [...seen].at(-1)
    await act(async () => again())
    expect([...seen].at(-1)).toBe(last)
    thread.close()
  })
  it("follows when it is given another thread", async () => {
    const { clock, options, say } = setUp()
    const threads = ["t1", "t2"].map((name) => openThread({ ...options, thread: name }))
    await clock.advance(100)
    say("t1", runEvents.begin("r1"))
    say("t1", runEvents.delta("r1", "one"))
    say("t2", runEvents.begin("r2"))
    say("t2", runEvents.delta("r2", "two"))
    let choose = (_: number) => {}
    const Text = () => {
      const [at, set] = useState(0)
      choose = set
      return <p>{textOf(threads[at])}</p>
    }
    const container = await render(<Text />)
    expect(container.textContent).toBe("one")
    await act(async () => choose(1))
    expect(container.textContent).toBe("two")
    await act(async () => say("t1", runEvents.delta("r1", "!")))
    expect(container.textContent).toBe("two")
    for (const thread of threads) thread.close()
  })
  it("renders on a server what the thread has, and nothing without one", async () => {
    const { clock, options, say } = setUp()
    const thread = openThread({ ...options, thread: "t1" })
    await clock.advance(100)
    say("t1", runEvents.begin("r1"))
    say("t1", runEvents.delta("r1", "Hello"))
    const Page = ({ of }: { of: Thread | undefined }) => (
      <p>
        {textOf(of)} {useConnection(of)}
      </p>
    )
    expect(renderToString(<Page of={thread} />).replaceAll("<!-- -->", "")).toBe("<p>Hello live</p>")
    expect(renderToString(<Page of={undefined} />).replaceAll("<!-- -->", "")).toBe("<p> connecting</p>")
    thread.close()
  })
})

describe("useOpenThread", () => {
  it("opens one thread for a component, also under StrictMode, and closes it when the component goes", async () => {
    const { backend, clock, gateway, options, say } = setUp()
    let opened: Thread | undefined
    const Page = ({ name }: { name: string }) => {
      opened = useOpenThread({ ...options, thread: name })
      return (
        <p>
          {textOf(opened)} {useConnection(opened)}
        </p>
      )
    }
    const container = await render(
      <StrictMode>
        <Page name="t1" />
      </StrictMode>
    )
    await act(() => clock.advance(100))
    expect(backend.count(/view/)).toBe(1)
    expect(gateway.sockets).toHaveLength(1)
    await act(async () => say("t1", [...runEvents.begin("r1"), ...runEvents.delta("r1", "Hello")]))
    expect(container.textContent).toBe("Hello live")
    const first = opened!
    await act(async () =>
      root!.render(
        <StrictMode>
          <Page name="t2" />
        </StrictMode>
      )
    )
    await act(() => clock.advance(100))
    expect(first.connection).toBe("closed")
    expect(opened!.thread).toBe("t2")
    expect(container.textContent).toBe(" live")
    await act(async () => root!.render(null))
    await clock.settle()
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(opened!.connection).toBe("closed")
    expect(gateway.open()).toHaveLength(0)
  })
  it("opens nothing on a server", () => {
    const { backend, options } = setUp()
    const Page = () => createElement("p", null, useConnection(useOpenThread({ ...options, thread: "t1" })))
    expect(renderToString(<Page />)).toBe("<p>connecting</p>")
    expect(backend.calls).toHaveLength(0)
  })
})
