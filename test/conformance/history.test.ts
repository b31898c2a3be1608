/** The checker of histories: a true one passes, and each way to break it by hand is found, and nothing else. */
import { describe, expect, it } from "vitest"
import { checkHistory } from "../../src/conformance/history.ts"
import type { History, Invariant, Told } from "../../src/conformance/historyRecords.ts"
import type { Entry } from "../../src/protocol/Entry.ts"
import type { KnownEvent } from "../../src/protocol/Event.ts"
import type { UserInterrupt } from "../../src/protocol/UserInterrupt.ts"
import type { View } from "../../src/protocol/View.ts"
import { createFold } from "../../src/thread/fold.ts"

const THREAD = "t1"
const run = "run1"
const steer: UserInterrupt = { kind: "steer", id: "steer1", run, message: { id: "m2", parts: [] }, when: "next-step" }
const late: UserInterrupt = { kind: "cancel", id: "late", run }
const approve: UserInterrupt = {
  kind: "answer",
  id: "answer1",
  run,
  ask: "ask1",
  answer: { type: "approved" },
  digest: "shown"
}
const accepted = { type: "accepted" } as const
const message = "run1:answer"

/** One run of two epochs that asks, is steered, uses a tool and completes; then somebody cancels too late. */
const STORY: readonly (readonly KnownEvent[])[] = [
  [
    { type: "message.posted", message: "m1", role: "user", parts: [{ type: "text", text: "go" }], by: "ann" },
    { type: "run.accepted", run, agent: "a", by: "ann" }
  ],
  [{ type: "run.started", run, epoch: 1 }],
  [
    { type: "text.started", run, message, part: "p1" },
    { type: "text.delta", run, part: "p1", text: "one" },
    { type: "text.finished", run, part: "p1" },
    {
      type: "ask.opened",
      run,
      ask: "ask1",
      kind: "approval",
      prompt: "May I?",
      name: "write",
      input: { path: "a" },
      digest: "shown",
      expiresAt: "2030-01-01T01:00:00.000Z"
    },
    { type: "run.suspended", run, why: "asked", asks: ["ask1"] }
  ],
  [
    { type: "interrupt.received", run, interrupt: approve, verdict: accepted, by: "ann" },
    { type: "interrupt.applied", run, interrupt: "answer1", outcome: { type: "applied" } },
    { type: "ask.resolved", run, ask: "ask1", answer: { type: "approved" }, resolver: "person", by: "ann" }
  ],
  [{ type: "run.started", run, epoch: 2, from: 4 }],
  [
    { type: "tool.started", run, message, call: "c1", name: "write", executor: "agent" },
    { type: "tool.called", run, call: "c1", input: { path: "a" }, digest: "shown" }
  ],
  [{ type: "tool.finished", run, call: "c1", outcome: { type: "ok" } }],
  [{ type: "interrupt.received", run, interrupt: steer, verdict: accepted, by: "bob" }],
  [
    { type: "interrupt.applied", run, interrupt: "steer1", outcome: { type: "applied" } },
    { type: "text.started", run, message, part: "p2" },
    { type: "text.delta", run, part: "p2", text: "two" },
    { type: "text.finished", run, part: "p2" },
    { type: "run.finished", run, outcome: { type: "completed" } }
  ],
  [
    {
      type: "interrupt.received",
      run,
      interrupt: late,
      verdict: { type: "refused", error: { code: "RUN_TERMINAL", message: "the run has ended", retryable: false } },
      by: "bob"
    }
  ]
]

type Story = readonly (readonly KnownEvent[])[]
const entriesOf = (story: Story, logId = "log1"): Entry[] =>
  story.map((events, index) => ({
    v: 1,
    logId,
    thread: THREAD,
    offset: index + 1,
    id: `${logId}.${index + 1}`,
    prev: index === 0 ? "" : `${logId}.${index}`,
    at: `2030-01-01T00:00:${String(index).padStart(2, "0")}.000Z`,
    events: events as Entry["events"]
  }))
const viewOf = (entries: readonly Entry[]): View => {
  const fold = createFold()
  for (const entry of entries) fold.apply(entry)
  return fold.view
}
const historyOf = (entries: readonly Entry[], change: Partial<History> = {}): History => {
  const stored = entries.map((entry) => ({ offset: entry.offset, id: entry.id, body: JSON.stringify(entry) }))
  const shownAfter = (from: number) =>
    entries.slice(from).map((entry, index) => ({
      type: "entry" as const,
      logId: entry.logId,
      offset: entry.offset,
      id: entry.id,
      text: stored[from + index]!.body
    }))
  const joined = viewOf(entries.slice(0, 5))
  const told: Told[] = [
    { type: "start", by: "ann", thread: THREAD, start: { id: run, agent: "a" }, answer: { ok: true, offset: 1, run } },
    { type: "start", by: "ann's other device", thread: THREAD, start: { id: run, agent: "a" } },
    {
      type: "interrupt",
      by: "bob",
      thread: THREAD,
      interrupt: steer,
      answer: { ok: true, offset: 8, interrupt: "steer1", verdict: accepted }
    },
    {
      type: "interrupt",
      by: "bob",
      thread: THREAD,
      interrupt: late,
      answer: { ok: false, error: { code: "RUN_TERMINAL", message: "the run has ended", retryable: false } }
    }
  ]
  return {
    logs: [{ thread: THREAD, logId: "log1", entries: stored }],
    clients: [
      { client: "early", thread: THREAD, shown: shownAfter(0), view: viewOf(entries) },
      {
        client: "late",
        thread: THREAD,
        shown: [{ type: "view", logId: "log1", offset: joined.offset, id: joined.id, view: joined }, ...shownAfter(5)],
        view: viewOf(entries)
      }
    ],
    told,
    effects: [
      {
        thread: THREAD,
        run,
        epoch: 2,
        key: "run1/tool:write#1",
        call: "c1",
        input: { path: "a" },
        head: 6,
        ask: "ask1"
      }
    ],
    open: { [THREAD]: [] },
    healed: true,
    ...change
  }
}
const TRUE = entriesOf(STORY)
const found = (history: History): Invariant[] => [...new Set(checkHistory(history).map(({ invariant }) => invariant))]

/** The story with one entry's events changed. */
const told = (offset: number, change: (events: readonly KnownEvent[]) => readonly KnownEvent[]): History =>
  historyOf(entriesOf(STORY.map((events, index) => (index === offset - 1 ? change(events) : events))))
const more = (offset: number, ...events: readonly KnownEvent[]) => told(offset, (before) => [...before, ...events])
const without = (offset: number, type: KnownEvent["type"]) =>
  told(offset, (before) => before.filter((event) => event.type !== type))
const entry = (offset: number, change: Partial<Entry>): History =>
  historyOf(TRUE.map((one) => (one.offset === offset ? { ...one, ...change } : one)))
const base = historyOf(TRUE)
const [early, joiner] = base.clients as [History["clients"][number], History["clients"][number]]
const effect = base.effects[0]!
const finish: KnownEvent = { type: "run.finished", run, outcome: { type: "completed" } }

const BROKEN: readonly (readonly [invariant: Invariant, how: string, history: History])[] = [
  ["dense", "an offset is left out", { ...entry(10, { offset: 11 }), clients: [] }],
  [
    "readable",
    "an entry is damaged",
    {
      ...historyOf(TRUE.slice(0, 9)),
      logs: [
        { ...base.logs[0]!, entries: [...base.logs[0]!.entries.slice(0, 9), { offset: 10, id: "log1.10", body: "{" }] }
      ],
      clients: [],
      told: []
    }
  ],
  [
    "chained",
    "an entry follows another one than that before it",
    historyOf(entry(4, { prev: "log1.2" }).logs[0]!.entries.map(({ body }) => JSON.parse(body) as Entry))
  ],
  [
    "gapless",
    "a client leaves one out",
    { ...base, clients: [{ ...early, shown: early.shown.filter((_, at) => at !== 3) }] }
  ],
  [
    "gapless",
    "a client applies one twice",
    { ...base, clients: [{ ...early, shown: [...early.shown.slice(0, 4), ...early.shown.slice(3)] }] }
  ],
  [
    "same-bytes",
    "a client got other text",
    {
      ...base,
      clients: [
        {
          ...early,
          shown: early.shown.map((one, at) => (at === 2 ? { ...one, text: "{}" } : one)) as typeof early.shown
        }
      ]
    }
  ],
  [
    "same-view",
    "a client shows something else",
    { ...base, clients: [{ ...early, view: { ...early.view!, state: { plan: 1 } } }] }
  ],
  [
    "same-view",
    "a late joiner was given a wrong view",
    {
      ...base,
      clients: [
        {
          ...joiner,
          shown: [
            { ...joiner.shown[0]!, view: { ...viewOf(TRUE.slice(0, 5)), dropped: 9 } } as (typeof joiner.shown)[0],
            ...joiner.shown.slice(1)
          ]
        }
      ]
    }
  ],
  [
    "caught-up",
    "a client never got the last entry",
    { ...base, clients: [{ ...early, shown: early.shown.slice(0, -1), view: viewOf(TRUE.slice(0, -1)) }] }
  ],
  [
    "acknowledged",
    "a start was acknowledged and is not there",
    { ...base, told: [{ ...(base.told[0] as Extract<Told, { type: "start" }>), start: { id: "other", agent: "a" } }] }
  ],
  [
    "acknowledged",
    "an interrupt is elsewhere than was said",
    {
      ...base,
      told: [
        {
          ...(base.told[2] as Extract<Told, { type: "interrupt" }>),
          answer: { ok: true, offset: 7, interrupt: "steer1", verdict: accepted }
        }
      ]
    }
  ],
  ["one-effect", "a message is posted twice", more(2, STORY[0]![0]!)],
  ["one-effect", "a run is accepted twice", more(1, STORY[0]![1]!)],
  ["one-verdict", "an interrupt has two verdicts", told(8, (events) => [...events, ...events])],
  [
    "one-verdict",
    "somebody was told another verdict",
    { ...base, told: [{ ...(base.told[3] as Extract<Told, { type: "interrupt" }>), interrupt: steer }] }
  ],
  ["interrupt-applied", "an accepted interrupt is never applied", without(9, "interrupt.applied")],
  ["interrupt-applied", "an interrupt is applied twice", told(9, (events) => [events[0]!, ...events])],
  ["one-end", "a run ends twice", more(9, finish)],
  ["nothing-after-end", "a run goes on after its end", more(9, { type: "run.status", run, label: "busy" })],
  ["epochs-grow", "an epoch is left out", told(5, () => [{ type: "run.started", run, epoch: 3, from: 4 }])],
  ["epochs-grow", "an epoch begins twice", more(5, { type: "run.started", run, epoch: 2, from: 4 })],
  ["fenced", "an earlier epoch goes on writing", more(6, { type: "text.delta", run, part: "p1", text: "late" })],
  ["fenced", "an earlier epoch says that it lives", more(6, { type: "run.heartbeat", run, epoch: 1 })],
  [
    "fenced",
    "something is of a run that was never accepted",
    more(6, { type: "run.status", run: "ghost", label: "?" })
  ],
  [
    "asked-once",
    "an ask is resolved twice",
    more(4, { type: "ask.resolved", run, ask: "ask1", answer: { type: "expired" }, resolver: "system" })
  ],
  ["not-expired", "an answer is accepted after the expiry", entry(4, { at: "2030-01-01T02:00:00.000Z" })],
  [
    "as-shown",
    "an approval is by another digest",
    told(4, (events) => [
      { ...events[0]!, interrupt: { ...approve, digest: "other" } } as KnownEvent,
      ...events.slice(1)
    ])
  ],
  ["as-shown", "the tool ran with another input", { ...base, effects: [{ ...effect, input: { path: "b" } }] }],
  ["ran-once", "a tool ran twice", { ...base, effects: [effect, effect] }],
  [
    "ran-once",
    "a tool has a result and never ran",
    {
      ...base,
      effects: [{ ...effect, call: "c0", key: "run1/tool:other#1" }].map(({ call: _, ask: __, ...rest }) => rest)
    }
  ],
  ["begun-first", "a tool ran before it was in the log that it begins", { ...base, effects: [{ ...effect, head: 5 }] }],
  ["ended", "a run never ended", { ...historyOf(TRUE.slice(0, 7)), told: [] }],
  ["nothing-open", "control still holds a run", { ...base, open: { [THREAD]: [{ id: run, status: "running" }] } }]
]

describe("the checker of histories", () => {
  it("finds nothing in a true history", () => {
    expect(checkHistory(base)).toEqual([])
  })
  it("lets the same run be in two histories of a thread, and clients go over from one to the other", () => {
    const other = entriesOf(STORY, "log2")
    const stored = other.map((one) => ({ offset: one.offset, id: one.id, body: JSON.stringify(one) }))
    const shown = [
      ...early.shown,
      { type: "view" as const, logId: "log2", offset: 10, id: "log2.10", view: viewOf(other) }
    ]
    const history = {
      ...base,
      logs: [...base.logs, { thread: THREAD, logId: "log2", entries: stored }],
      clients: [{ ...early, shown, view: viewOf(other) }],
      effects: [effect, effect]
    }
    expect(checkHistory(history)).toEqual([])
  })
  it.each(BROKEN)("%s: %s", (invariant, _, history) => {
    expect(found(history)).toEqual([invariant])
  })
})
