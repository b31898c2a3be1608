import { rm } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import type { KnownEvent } from "throughline/client"
import { testAgent } from "throughline/testing"
import { createLibrarian } from "../../../examples/librarian/agent.ts"
import { openLibrary } from "../../../examples/librarian/library.ts"
import { folderOf, handbook } from "./folder.ts"

const manual = {
  "order.md":
    "# Order\n\n## Gaps\n\nA gap is repaired with one bounded request.\n\n## Duplicates\n\nA duplicate is dropped.\n",
  "tea.md": "# Tea\n\nBrew it for four minutes.\n"
}
const librarianOf = async (files: Readonly<Record<string, string | Uint8Array>>) =>
  createLibrarian({ library: await openLibrary(await folderOf(files)) })
const typesOf = (events: readonly KnownEvent[]): string[] => events.map(({ type }) => type)

describe("the librarian", () => {
  it("searches, says why, reads, quotes and cites, in this order", async () => {
    const { events, outcome, text, view } = await testAgent(await librarianOf(manual), {
      input: { question: "How are gaps repaired?" }
    })
    expect(outcome).toEqual({ type: "completed", result: { cited: 1, sections: 1 } })
    const told = typesOf(events).filter((type) =>
      /^(tool\.(called|finished)|reasoning\.started|source\.cited|step\.|run\.(started|finished))/.test(type)
    )
    expect(told).toEqual([
      "run.started",
      "tool.called",
      "tool.finished",
      "reasoning.started",
      "step.started",
      "tool.called",
      "tool.finished",
      "source.cited",
      "step.finished",
      "run.finished"
    ])
    expect(text).toContain("> A gap is repaired with one bounded request.")
    expect(text).toContain("quoted word for word")
    expect(events.find((event) => event.type === "source.cited")).toMatchObject({
      url: "order.md#gaps",
      name: "order.md",
      title: "Gaps"
    })
    expect(view.runs[0]?.steps).toMatchObject([{ name: "Read Gaps", state: "completed" }])
  })
  it("gives only reasons that the search bears out", async () => {
    const { view } = await testAgent(await librarianOf(manual), { input: { question: "How are gaps repaired?" } })
    const reasons = view.messages
      .flatMap(({ parts }) => parts)
      .filter((part) => part.type === "reasoning")
      .map(({ text }) => text)
      .join("")
    expect(reasons).toContain("1 of 3 sections fits “gaps” and “repaired”")
    expect(reasons).toContain("“Gaps” in order.md comes first: it has all of these words")
  })
  it("shows progress of what it reads, up to the end", async () => {
    const { events } = await testAgent(await librarianOf(manual), { input: { question: "tea" } })
    const progress = events.filter((event) => event.type === "tool.progress")
    expect(progress.at(-1)).toMatchObject({ fraction: 1, label: "33 of 33 bytes" })
  })
  it("says what it looked for when nothing fits, and what there is", async () => {
    const { outcome, text } = await testAgent(await librarianOf(manual), {
      input: { question: "Wie werden Lücken repariert?" }
    })
    expect(outcome).toMatchObject({ type: "completed", result: { cited: 0, sections: 0 } })
    expect(text).toContain("“Lücken”")
    expect(text).toContain("“Order” and “Tea”")
  })
  it("answers from an empty folder that there is nothing to read", async () => {
    const { outcome, text } = await testAgent(await librarianOf({ "image.md": new Uint8Array([0, 1, 2]) }), {
      input: { question: "tea" }
    })
    expect(outcome).toMatchObject({ type: "completed", result: { cited: 0, sections: 0 } })
    expect(text).toContain("nothing to read")
    expect(text).toContain("image.md is not text")
  })
  it.each([
    ["", "question"],
    ["   ", "question"],
    ["x".repeat(5_000), "question"]
  ])("refuses the question %j as bad input", async (question, path) => {
    await expect(testAgent(await librarianOf(manual), { input: { question } })).rejects.toMatchObject({
      fault: { code: "BAD_INPUT", path: expect.stringContaining(path) }
    })
  })
  it("reads no more sections than asked for, and every one that fits when told so", async () => {
    const librarian = await librarianOf(handbook(120))
    const few = await testAgent(librarian, { input: { question: "How is watering done?", sections: 3 } })
    expect(few.outcome).toMatchObject({ result: { cited: 3, sections: 3 } })
    const all = await testAgent(librarian, { input: { question: "How is watering done?", depth: "all" } })
    expect(all.outcome).toMatchObject({ result: { cited: 120, sections: 120 } })
  })
  it("goes through the documents in order when the question names no subject", async () => {
    const { events } = await testAgent(await librarianOf(manual), {
      input: { question: "Summarise everything", depth: "all" }
    })
    expect(events.flatMap((event) => (event.type === "source.cited" ? [event.url] : []))).toEqual([
      "order.md#gaps",
      "order.md#duplicates",
      "tea.md#tea"
    ])
  })
  it("searches anew when a person steers it, and says so", async () => {
    const files = { ...handbook(60), "pests.md": "# Pests\n\nGreenfly are washed off with soapy water.\n" }
    let steered = false
    const { events, text, view } = await testAgent(await librarianOf(files), {
      input: { question: "How is watering done?", depth: "all" },
      interruptAt: (event) => {
        if (steered || event.type !== "source.cited") return undefined
        steered = true
        return {
          kind: "steer",
          when: "next-step",
          message: { id: "m1", parts: [{ type: "text", text: "focus on greenfly" }] }
        }
      }
    })
    expect(text).toContain("You asked me to change course: **focus on greenfly**")
    expect(text).toContain("> Greenfly are washed off with soapy water.")
    expect(events.flatMap((event) => (event.type === "source.cited" ? [event.url] : [])).at(-1)).toBe("pests.md#pests")
    expect(view.runs[0]?.interrupts).toMatchObject([{ kind: "steer", state: "applied", step: expect.any(String) }])
  })
  it("goes on as before when a steer finds nothing", async () => {
    let steered = false
    const { outcome, text } = await testAgent(await librarianOf(handbook(60)), {
      input: { question: "How is watering done?", depth: "all" },
      interruptAt: (event) => {
        if (steered || event.type !== "source.cited") return undefined
        steered = true
        return {
          kind: "steer",
          when: "next-step",
          message: { id: "m1", parts: [{ type: "text", text: "xylophones" }] }
        }
      }
    })
    expect(text).toContain("I looked for “xylophones” and found no section")
    expect(outcome).toMatchObject({ result: { cited: 60 } })
  })
  it("stops where it is when it is cancelled", async () => {
    let stopped = false
    const { events, outcome } = await testAgent(await librarianOf(handbook(2_000)), {
      input: { question: "How is watering done?", depth: "all" },
      interruptAt: (event) => {
        if (stopped || event.type !== "source.cited") return undefined
        stopped = true
        return { kind: "cancel" }
      }
    })
    expect(outcome).toMatchObject({ type: "cancelled" })
    expect(typesOf(events).filter((type) => type === "source.cited").length).toBeLessThan(1_000)
  })
  it("says which section could not be read, and goes on with the others", async () => {
    const root = await folderOf({ "a.md": "# A\n\nzebra one\n", "b.md": "# B\n\nzebra two\n" })
    const library = await openLibrary(root)
    const librarian = createLibrarian({ library: { ...library, refresh: async () => {} } })
    await rm(join(root, "a.md"))
    const { outcome, text } = await testAgent(librarian, { input: { question: "zebra" } })
    expect(outcome).toMatchObject({ type: "completed", result: { cited: 1, sections: 2 } })
    expect(text).toContain("a.md#a could not be read: a.md is gone.")
    expect(text).toContain("> zebra two")
  })
  it("quotes documents without letting them speak as the librarian", async () => {
    const { text } = await testAgent(
      await librarianOf({
        "a.md": "# [x](javascript:alert(1)) <img src=x onerror=alert(1)>\n\nzebra <script>alert(1)</script>\n"
      }),
      { input: { question: "zebra" } }
    )
    for (const line of text.split("\n")) if (line.includes("script>")) expect(line.startsWith("> ")).toBe(true)
    expect(text).not.toContain("javascript:")
  })
})
