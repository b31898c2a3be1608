/**
 * What every gateway adapter must do with frames, grants and connections, as far as it claims to. PROTOCOL.md#delivery
 *
 * Cases about the way back and about servers that listen are in `gatewayUpstreamCases.ts`; `gatewayCases` holds all.
 */
import type { GatewayCapabilities } from "../ports/GatewayCapabilities.ts"
import {
  check,
  connect,
  eventually,
  failure,
  frame,
  group,
  publish,
  same,
  someone,
  watching,
  type GatewayCase
} from "./gatewayCase.ts"
import { gatewayUpstreamCases } from "./gatewayUpstreamCases.ts"
import * as Effect from "effect/Effect"

const delivery: readonly GatewayCase[] = [
  {
    name: "a frame reaches everyone in its group and no one else",
    run: async (env) => {
      const [here, elsewhere] = [group(), group()]
      await watching(env, { groups: [here] }, (first) =>
        watching(env, { groups: [here] }, (second) =>
          watching(env, { groups: [elsewhere] }, async (third) => {
            await publish(env, here, frame("here"))
            await publish(env, elsewhere, frame("elsewhere"))
            for (const watcher of [first, second]) {
              await eventually(() => watcher.frames.length > 0, "the frame arrives")
              same(watcher.frames, [frame("here")], "frames in the group")
            }
            await eventually(() => third.frames.length > 0, "the other frame arrives")
            same(third.frames, [frame("elsewhere")], "frames in the other group")
          })
        )
      )
    }
  },
  {
    name: "awaited frames arrive all, and in order where order is claimed",
    run: async (env) => {
      const to = group()
      await watching(env, { groups: [to] }, async ({ frames }) => {
        const sent = Array.from({ length: 50 }, (_, index) => frame(index))
        for (const text of sent) await publish(env, to, text)
        await eventually(() => frames.length >= sent.length, "all frames arrive")
        if (env.gateway.capabilities.order === "connection") same(frames, sent, "frames in order")
        else same([...frames].sort(), [...sent].sort(), "frames in any order")
      })
    }
  },
  {
    name: "publishing to a group with nobody in it succeeds",
    run: (env) => publish(env, group(), frame("nobody"))
  },
  {
    name: "a frame of exactly maxFrameBytes arrives as it was",
    run: async (env) => {
      const to = group()
      const largest = frameOfBytes(env.gateway.capabilities.maxFrameBytes)
      await watching(env, { groups: [to] }, async ({ frames }) => {
        await publish(env, to, largest)
        await eventually(() => frames.length > 0, "the largest frame arrives")
        check(frames[0] === largest, "the largest frame arrived changed")
      })
    }
  },
  {
    name: "a frame of one byte more is refused as FrameTooLarge, with both sizes",
    run: async (env) => {
      const limitBytes = env.gateway.capabilities.maxFrameBytes
      const { reason } = await failure(env.gateway.publish(group(), frameOfBytes(limitBytes + 1)), "one byte too many")
      check(reason._tag === "FrameTooLarge", `expected FrameTooLarge, got ${reason._tag}`)
      same([reason.sizeBytes, reason.limitBytes], [limitBytes + 1, limitBytes], "sizes")
    }
  },
  {
    name: "the size of a frame is counted in UTF-8 bytes, not in characters",
    run: async (env) => {
      const characters = Math.floor(env.gateway.capabilities.maxFrameBytes / 2)
      const { reason } = await failure(
        env.gateway.publish(group(), frame("漢".repeat(characters))),
        "three bytes a character"
      )
      check(reason._tag === "FrameTooLarge", `expected FrameTooLarge, got ${reason._tag}`)
    }
  },
  {
    name: "text of every kind arrives character for character",
    run: async (env) => {
      const to = group()
      const sent = [
        frame("é ñ 漢字 😀 🏳️‍🌈 e\u0301"),
        frame("nul \u0000, line\u2028 and paragraph\u2029 separators, \u007f, bom \ufeff"),
        frame("a lone surrogate \ud83d and another \udc00"),
        frame('quotes " \\ / </script> \n\r\t \u001b[31m'),
        `{"v":1,"spaces" : [ 1.0 , -0, 1e3, 9007199254740993 ],"twice":1,"twice":2}`,
        `{"v":1,"text":"${"漢".repeat(1000)}"}`
      ]
      await watching(env, { groups: [to] }, async ({ frames }) => {
        for (const text of sent) await publish(env, to, text)
        await eventually(() => frames.length >= sent.length, "all frames arrive")
        for (const text of sent) check(frames.includes(text), `changed on the way: ${text.slice(0, 60)}`)
      })
    }
  },
  {
    name: "one connection receives several groups, each frame once",
    needs: ["manyGroups"],
    run: async (env) => {
      const groups = Array.from({ length: 20 }, group)
      await watching(env, { groups }, async ({ frames }) => {
        for (const to of groups) await publish(env, to, frame(to))
        await eventually(() => frames.length >= groups.length, "a frame of each group arrives")
        same([...frames].sort(), groups.map((to) => frame(to)).sort(), "frames")
      })
    }
  }
]

const access: readonly GatewayCase[] = [
  {
    name: "a grant gives its own groups and no other",
    run: async (env) => {
      const [granted, other] = [group(), group()]
      const principal = someone()
      // The same person was granted the other group before: grants do not add up.
      await watching(env, { principal, groups: [other] }, () =>
        watching(env, { principal, groups: [granted] }, async ({ frames }) => {
          await publish(env, other, frame("other"))
          await publish(env, granted, frame("granted"))
          await eventually(() => frames.length > 0, "the granted frame arrives")
          same(frames, [frame("granted")], "frames")
        })
      )
    }
  },
  {
    name: "a grant says when it expires, and after that it does not connect",
    run: async (env) => {
      if (env.gateway.capabilities.auth !== "token") return
      const before = Date.now()
      const { expiresAt } = await Effect.runPromise(
        env.gateway.grant({ principal: someone(), groups: [group()], ttlMillis: 1_000 })
      )
      check(expiresAt > before && expiresAt <= Date.now() + 1_000, "expiresAt lies within the time that was asked for")
      const late = await connect(env, { groups: [group()], ttlMillis: 1_000, atExpiry: true })
      await eventually(() => late.closed.length > 0, "the late connection is refused")
      check(late.opened() === 0, "an expired grant connected")
    }
  },
  {
    name: "a grant made with somebody else's key does not connect",
    run: async (env) => {
      if (env.gateway.capabilities.auth !== "token") return
      const stranger = await connect(env, { groups: [group()], from: env.foreign })
      await eventually(() => stranger.closed.length > 0 || stranger.opened() > 0, "the stranger is answered")
      stranger.connection.close()
      check(stranger.opened() === 0, "a foreign grant connected")
    }
  },
  {
    name: "a publish with somebody else's key is refused, with what to change and without the key",
    run: async (env) => {
      if (env.gateway.capabilities.auth === "none") return
      const error = await failure(env.foreign.publish(group(), frame("forged")), "a foreign publish")
      check(error.reason._tag === "GatewayRefused", `expected GatewayRefused, got ${error.reason._tag}`)
      check(error.reason.remedy.length > 10, "the remedy says nothing")
      check(!/eyJ|Bearer|AccessKey=/.test(JSON.stringify(error) + error.message), "the error carries a credential")
    }
  },
  {
    name: "after a revoke the principal hears no more of the group, and everyone else does",
    needs: ["revoke"],
    run: async (env) => {
      const [left, kept] = [group(), group()]
      const [removed, stays] = [someone(), someone()]
      await watching(env, { principal: removed, groups: [left, kept] }, (first) =>
        watching(env, { principal: stays, groups: [left] }, async (second) => {
          const { revoke } = env.gateway
          check(revoke !== undefined, "revoke is claimed")
          await Effect.runPromise(revoke(removed, left))
          await publish(env, left, frame("left"))
          await eventually(() => second.frames.length > 0, "the frame reaches who stays")
          await publish(env, kept, frame("kept"))
          await eventually(() => first.frames.length > 0, "the other group goes on")
          same(first.frames, [frame("kept")], "frames of the removed")
        })
      )
    }
  }
]

const lifetime: readonly GatewayCase[] = [
  {
    name: "close ends the connection: reported once, and nothing comes after it",
    run: async (env) => {
      const to = group()
      const watcher = await connect(env, { groups: [to] })
      await eventually(() => watcher.opened() > 0, "the connection opens")
      watcher.connection.close()
      watcher.connection.close()
      await eventually(() => watcher.closed.length > 0, "close is reported")
      await watching(env, { groups: [to] }, async ({ frames }) => {
        await publish(env, to, frame("later"))
        await eventually(() => frames.length > 0, "the frame arrives elsewhere")
      })
      same([watcher.frames, watcher.closed.length], [[], 1], "after close")
    }
  },
  {
    name: "close before the connection is open keeps it from opening",
    run: async (env) => {
      const watcher = await connect(env, { groups: [group()] })
      watcher.connection.close()
      await eventually(() => watcher.closed.length > 0, "close is reported")
      await watching(env, { groups: [group()] }, async () => {})
      same([watcher.opened(), watcher.closed.length], [0, 1], "after close")
    }
  },
  {
    name: "a ping is answered by a sign of life",
    run: (env) =>
      watching(env, { groups: [group()] }, async ({ connection, alive }) => {
        if (connection.ping === undefined) return
        const before = alive()
        connection.ping()
        await eventually(() => alive() > before, "the sign of life")
      })
  },
  {
    name: "a cut is reported within a second: bridged where recovery is claimed, ended elsewhere",
    cuts: true,
    run: async (env) => {
      const to = group()
      await watching(env, { groups: [to] }, async (watcher) => {
        await publish(env, to, frame("before"))
        await eventually(() => watcher.frames.length > 0, "the first frame arrives")
        env.cut?.()
        const cutAt = Date.now()
        if (env.gateway.capabilities.recovery) {
          await publish(env, to, frame("meanwhile"))
          await eventually(() => watcher.opened() > 1, "the cut is bridged")
          check(watcher.interrupted() === 1, "the cut was not reported")
          await eventually(() => watcher.frames.length > 1, "what was published meanwhile arrives")
          same(watcher.frames, [frame("before"), frame("meanwhile")], "frames")
        } else {
          await eventually(() => watcher.closed.length > 0, "the end is reported")
          check(watcher.closed.length === 1, "the end was reported more than once")
        }
        check(Date.now() - cutAt < 1_000, "it took longer than a second")
      })
    }
  }
]

const claims: readonly GatewayCase[] = [
  {
    name: "what is claimed is there, and what is not claimed is absent",
    run: async (env) => {
      const { capabilities, name } = env.gateway
      const parts: readonly (readonly [keyof GatewayCapabilities, unknown])[] = [
        ["upstream", env.gateway.upstream],
        ["serverSubscribe", env.gateway.subscribe],
        ["revoke", env.gateway.revoke]
      ]
      for (const [claim, part] of parts) same(part !== undefined, capabilities[claim], `${claim} of ${name}`)
      same(env.client.name, name, "both halves bear one name")
      check(
        Number.isInteger(capabilities.maxFrameBytes) && capabilities.maxFrameBytes >= 1024,
        "maxFrameBytes is at least 1 KiB"
      )
      for (const upstream of capabilities.upstream ? [true, false] : [false]) {
        await watching(env, { groups: [group()], upstream }, async ({ connection }) => {
          same(connection.invoke !== undefined, upstream, "a connection can invoke")
        })
      }
    }
  }
]

export const gatewayCases: readonly GatewayCase[] = [
  ...claims,
  ...delivery,
  ...access,
  ...lifetime,
  ...gatewayUpstreamCases
]

/** A frame of exactly so many bytes. */
const frameOfBytes = (bytes: number): string => frame("a".repeat(bytes - frame("").length))
