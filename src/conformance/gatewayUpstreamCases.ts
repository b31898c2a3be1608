/** Conformance of the way back (clients to the backend) and of servers that listen. Part of `gatewayCases`. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { Inbox, UpstreamEvent } from "../ports/Gateway.ts"
import {
  check,
  eventually,
  frame,
  group,
  publish,
  same,
  someone,
  watching,
  type GatewayCase,
  type GatewayEnv,
  type RecordedCall
} from "./gatewayCase.ts"

const rejects = async (promise: Promise<unknown> | undefined, what: string): Promise<void> => {
  check(promise !== undefined, `${what}: the connection cannot invoke`)
  const answered = await promise.then(
    () => true,
    () => false
  )
  check(!answered, `${what}: expected it to reject`)
}

const wayBack: readonly GatewayCase[] = [
  {
    name: "an invoke reaches the backend with the principal of the grant, and the reply comes back",
    needs: ["upstream"],
    run: async (env) => {
      const events: UpstreamEvent[] = []
      env.onUpstream((event) => Effect.sync(() => (events.push(event), { ok: true, text: "reply 漢 \u0000" })))
      const principal = someone()
      const data = { thread: "t1", text: "cancel é \ud800", list: [1, null, true] }
      await watching(env, { principal, groups: [group()] }, async ({ connection }) => {
        const reply = await connection.invoke?.("interrupt", data, { timeoutMillis: 5_000 })
        same(reply, { ok: true, text: "reply 漢 \u0000" }, "reply")
      })
      const event = events.find(({ type }) => type === "event")
      check(event?.type === "event", "no event reached the backend")
      same([event.principal, event.name, event.data], [principal, "interrupt", data], "event")
    }
  },
  {
    name: "each connection's events bear its own principal",
    needs: ["upstream"],
    run: async (env) => {
      env.onUpstream((event) => Effect.succeed({ id: event.principal.id, tenant: event.principal.tenant ?? null }))
      const [one, two] = [someone(), { id: someone().id }]
      await watching(env, { principal: one, groups: [group()] }, (first) =>
        watching(env, { principal: two, groups: [group()] }, async (second) => {
          const replies = await Promise.all(
            [first, second].map(({ connection }) => connection.invoke?.("who", null, { timeoutMillis: 5_000 }))
          )
          same(
            replies,
            [
              { id: one.id, tenant: "acme" },
              { id: two.id, tenant: null }
            ],
            "principals"
          )
        })
      )
    }
  },
  {
    name: "a connection that comes and goes is reported with its principal",
    needs: ["upstream"],
    run: async (env) => {
      const events: UpstreamEvent[] = []
      env.onUpstream((event) => Effect.sync(() => void events.push(event)))
      const principal = someone()
      const mine = (type: UpstreamEvent["type"]) =>
        events.filter((event) => event.type === type && event.principal.id === principal.id)
      await watching(env, { principal, groups: [group()] }, () =>
        eventually(() => mine("connected").length > 0, "`connected`")
      )
      await eventually(() => mine("disconnected").length > 0, "`disconnected`")
      same(mine("connected")[0]?.connection, mine("disconnected")[0]?.connection, "connection")
    }
  },
  {
    name: "an invoke rejects when the backend fails, is refused, or does not answer in time",
    needs: ["upstream"],
    run: (env) =>
      watching(env, { groups: [group()] }, async ({ connection }) => {
        env.onUpstream(({ type }) =>
          type === "event" ? Effect.die("the backend fails") : Effect.void.pipe(Effect.as(undefined))
        )
        await rejects(connection.invoke?.("interrupt", null, { timeoutMillis: 5_000 }), "a failing backend")
        env.onUpstream(({ type }) => (type === "event" ? Effect.never : Effect.succeed(undefined)))
        const startedAt = Date.now()
        await rejects(connection.invoke?.("interrupt", null, { timeoutMillis: 200 }), "a silent backend")
        check(Date.now() - startedAt < 2_000, "the time limit was not kept")
        env.onUpstream(() => Effect.succeed(undefined))
      })
  },
  {
    name: "an invoke after the connection has ended rejects",
    needs: ["upstream"],
    run: async (env) => {
      const ended = await watching(env, { groups: [group()] }, async (watcher) => watcher)
      await eventually(() => ended.closed.length > 0, "the connection ends")
      await rejects(ended.connection.invoke?.("interrupt", null, { timeoutMillis: 1_000 }), "a closed connection")
    }
  },
  {
    name: "a call that does not prove that it comes from the gateway is refused, and never handed on",
    needs: ["upstream"],
    run: async (env) => {
      env.onUpstream(() => Effect.succeed({ ok: true }))
      await watching(env, { groups: [group()] }, async ({ connection }) => {
        await connection.invoke?.("interrupt", { n: 1 }, { timeoutMillis: 5_000 })
      })
      const genuine = env.calls.findLast(({ method, body }) => method === "POST" && body.includes('"n"'))
      check(genuine !== undefined, "the runner recorded no call")
      const { headers } = genuine
      const signatures = Object.keys(headers).filter((name) => name.includes("signature"))
      const forgeries: readonly (readonly [string, RecordedCall])[] = [
        [
          "without any header",
          { ...genuine, headers: { "content-type": headers["content-type"] ?? "application/json" } }
        ],
        ...signatures.map(
          (name) =>
            [
              "with another signature",
              { ...genuine, headers: { ...headers, [name]: scramble(headers[name] ?? "") } }
            ] as const
        )
      ]
      check(await handsOn(env, env.gateway, genuine), "the genuine call was refused")
      for (const [what, call] of forgeries)
        check(!(await handsOn(env, env.gateway, call)), `a call ${what} was handed on`)
      check(!(await handsOn(env, env.foreign, genuine)), "a call for another key was handed on")
    }
  }
]

const listening: readonly GatewayCase[] = [
  {
    name: "a server hears the groups it joined, until it leaves",
    needs: ["serverSubscribe"],
    run: (env) =>
      listen(env, async ({ inbox, heard }) => {
        const [one, two] = [group(), group()]
        await Effect.runPromise(inbox.join(one))
        await Effect.runPromise(inbox.join(two))
        await publish(env, one, frame("one"))
        await publish(env, two, frame("two"))
        await eventually(() => heard.length >= 2, "both frames arrive")
        same(
          [...heard].sort(),
          [
            [one, frame("one")],
            [two, frame("two")]
          ].sort(),
          "frames"
        )
        await Effect.runPromise(inbox.leave(one))
        await publish(env, one, frame("left"))
        await publish(env, two, frame("still here"))
        await eventually(() => heard.length >= 3, "the frame of the other group arrives")
        same(heard[2], [two, frame("still here")], "after leaving")
      })
  },
  {
    name: "a server does not hear groups it did not join",
    needs: ["serverSubscribe"],
    run: (env) =>
      listen(env, async ({ inbox, heard }) => {
        const [mine, other] = [group(), group()]
        await Effect.runPromise(inbox.join(mine))
        await publish(env, other, frame("other"))
        await publish(env, mine, frame("mine"))
        await eventually(() => heard.length > 0, "the frame arrives")
        same(heard, [[mine, frame("mine")]], "frames")
      })
  },
  {
    name: "after a cut a server is told of the reset, and hears its groups again",
    needs: ["serverSubscribe"],
    cuts: true,
    run: (env) =>
      listen(env, async ({ inbox, heard, resets }) => {
        const to = group()
        await Effect.runPromise(inbox.join(to))
        same(resets(), 0, "resets before the cut")
        env.cut?.()
        await eventually(() => resets() > 0, "the reset")
        await publish(env, to, frame("after"))
        await eventually(() => heard.some(([, text]) => text === frame("after")), "the frame after the cut")
      })
  },
  {
    name: "when its scope closes a server hears nothing more",
    needs: ["serverSubscribe"],
    run: async (env) => {
      const to = group()
      const heard = await listen(env, async ({ inbox, heard }) => {
        await Effect.runPromise(inbox.join(to))
        return heard
      })
      await listen(env, async ({ inbox, heard: other }) => {
        await Effect.runPromise(inbox.join(to))
        await publish(env, to, frame("later"))
        await eventually(() => other.length > 0, "the frame arrives elsewhere")
      })
      same(heard, [], "frames after the scope closed")
    }
  }
]

export const gatewayUpstreamCases: readonly GatewayCase[] = [...wayBack, ...listening]

const listen = async <A>(
  env: GatewayEnv,
  run: (line: {
    readonly inbox: Inbox
    readonly heard: (readonly [group: string, text: string])[]
    readonly resets: () => number
  }) => Promise<A>
): Promise<A> => {
  const { subscribe } = env.gateway
  check(subscribe !== undefined, "serverSubscribe is claimed")
  const heard: (readonly [string, string])[] = []
  let resets = 0
  const scope = await Effect.runPromise(Scope.make())
  try {
    const inbox = await Effect.runPromise(
      Scope.provide(
        subscribe({ onFrame: (name, text) => void heard.push([name, text]), onReset: () => void resets++ }),
        scope
      )
    )
    return await run({ inbox, heard, resets: () => resets })
  } finally {
    await Effect.runPromise(Scope.close(scope, Exit.void))
  }
}

/** Whether the gateway lets the call through to the backend. */
const handsOn = async (env: GatewayEnv, gateway: GatewayEnv["gateway"], call: RecordedCall): Promise<boolean> => {
  let reached = false
  const request = new Request(call.url, { method: call.method, headers: call.headers, body: call.body })
  const handled = gateway.upstream?.(request, () => Effect.sync(() => void (reached = true)))
  check(handled !== undefined, `${env.gateway.name} claims upstream`)
  await Effect.runPromise(Effect.ignore(handled))
  return reached
}

/** The same length and alphabet, another value. */
const scramble = (text: string): string =>
  text.replace(/[0-9a-f](?=[^0-9a-f]*$)/i, (last) => (last === "0" ? "1" : "0"))
