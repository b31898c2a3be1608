/**
 * The librarian asks before it writes: in a real browser, over the whole stack, with people in one tab and in two.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { rm } from "node:fs/promises"
import { join } from "node:path"
import type { Browser, Page } from "playwright-core"
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest"
import { startStack } from "../../src/cli/stack.ts"
import type { Stack } from "../../src/cli/stack.ts"
import { writeFolder } from "../examples/librarian/folder.ts"
import { describeInBrowser, launch } from "./browser.ts"
import { expectLog, finished, threadOf, TIMEOUT } from "./tab.ts"

const documents = {
  "order.md": "# Order\n\n## Gaps\n\nA gap is repaired with one bounded request.\n",
  "tea.md": "# Tea\n\nBrew it for four minutes.\n"
}
const GAPS = "note-gaps.md"
const NOTE = "# Gaps\n\n**Gaps** · [order.md](order.md)\n\n> A gap is repaired with one bounded request.\n"

/** Whether the page may show anything new: its views come with animation frames. */
const freezable = (): void => {
  const real = window.requestAnimationFrame.bind(window)
  const held: FrameRequestCallback[] = []
  let frozen = false
  window.requestAnimationFrame = (callback) => (frozen ? held.push(callback) : real(callback))
  Object.assign(globalThis, {
    freeze: (now: boolean) => {
      frozen = now
      if (!now) for (const callback of held.splice(0)) real(callback)
    }
  })
}
const freeze = (page: Page, now: boolean): Promise<void> =>
  page.evaluate((on) => (globalThis as unknown as { freeze: (on: boolean) => void }).freeze(on), now)

describeInBrowser("a note", () => {
  let browser: Browser
  let docs: string
  /** Waits for people in its process, or lets go of it at once. */
  let stacks: { readonly held: Stack; readonly suspended: Stack }
  const startWith = (holdSeconds: string): Promise<Stack> => {
    process.env["LIBRARIAN_HOLD_SECONDS"] = holdSeconds
    return startStack({ docs, gateway: "azure-web-pubsub", port: 0, page: true })
  }
  beforeAll(async () => {
    docs = await writeFolder(documents)
    // The processes get their environment when they are started, which is before the promise is answered.
    const held = await startWith("60")
    stacks = { held, suspended: await startWith("0") }
    delete process.env["LIBRARIAN_HOLD_SECONDS"]
    browser = await launch()
  }, TIMEOUT)
  afterAll(async () => {
    await browser?.close()
    await Promise.all([stacks?.held.close(), stacks?.suspended.close()])
    await rm(docs, { recursive: true, force: true })
  })

  const open = async (stack: Stack, thread?: string): Promise<Page> => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
    context.setDefaultTimeout(TIMEOUT)
    await context.addInitScript(freezable)
    const page = await context.newPage()
    const errors: string[] = []
    page.on("pageerror", (error) => errors.push(String(error)))
    page.on("console", (message) => message.type() === "error" && errors.push(message.text()))
    onTestFinished(async () => {
      await context.close()
      expect(errors).toEqual([])
      for (const name of readdirSync(docs)) if (!(name in documents)) await rm(join(docs, name))
    })
    await page.goto(`${stack.url}${thread === undefined ? "" : `?thread=${thread}`}`)
    await page.locator('.connection[data-state="live"]').waitFor()
    return page
  }
  const ask = async (page: Page, question: string): Promise<void> => {
    await page.getByRole("textbox", { name: "Ask the librarian" }).fill(question)
    await page.keyboard.press("Enter")
  }
  /** Asks for a note about gaps and waits for the card. */
  const wanted = async (stack: Stack, suspended = false): Promise<Page> => {
    const page = await open(stack)
    await ask(page, "Write a note about gaps")
    await card(page).waitFor()
    if (suspended) await page.getByText("Nothing runs while it waits").waitFor()
    return page
  }
  const card = (page: Page) => page.getByRole("group", { name: /^(Write a new note|Change the note)/ })
  const button = (page: Page, name: string) => card(page).getByRole("button", { name, exact: true })
  const decision = (page: Page) => page.locator(".decision")
  const read = (name: string): string => readFileSync(join(docs, name), "utf8")

  it.each([["held"], ["suspended"]] as const)(
    "is shown as it would be, and written once when it is approved, by a run that is %s",
    async (which) => {
      const stack = stacks[which]
      const page = await wanted(stack, which === "suspended")
      expect(await card(page).locator(".change li").allInnerTexts()).toEqual(
        NOTE.trimEnd()
          .split("\n")
          .map((line) => expect.stringContaining(line) as string)
      )
      expect(existsSync(join(docs, GAPS))).toBe(false)
      expect(await page.locator("[aria-live=polite]").innerText()).toBe(
        `The librarian asks: Write a new note, ${GAPS}?`
      )
      await button(page, "Approve").click()
      await finished(page)
      const log = await expectLog(stack, page)
      expect(read(GAPS)).toBe(NOTE)
      const calls = log.messages.flatMap(({ parts }) => parts).filter((part) => part.type === "tool")
      expect(calls.filter(({ name }) => name === "write_note")).toMatchObject([{ outcome: { type: "ok" } }])
      expect(log.runs[0]?.epoch).toBe(which === "held" ? 1 : 2)
      expect(await decision(page).innerText()).toBe(`You approved ${GAPS}`)
      expect(await page.evaluate(() => document.activeElement?.className)).toBe("decision")
      expect(await page.locator(".status-label").innerText()).toBe(`Wrote ${GAPS}`)
      await ask(page, "What does the note say of gaps?")
      await page.locator(".source-path", { hasText: GAPS }).waitFor()
    },
    TIMEOUT
  )

  it(
    "is written as it was edited, by keyboard alone",
    async () => {
      const page = await wanted(stacks.suspended, true)
      await button(page, "Edit").focus()
      await page.keyboard.press("Enter")
      const text = card(page).getByRole("textbox", { name: "Text, in Markdown" })
      expect(await text.evaluate((field) => field === document.activeElement)).toBe(true)
      // Escape goes back to the button, and stops nothing.
      await page.keyboard.press("Escape")
      await page.waitForFunction(() => document.activeElement?.textContent === "Edit")
      await page.keyboard.press("Enter")
      await card(page).getByRole("textbox", { name: "Name" }).fill("mine.md")
      await text.fill("# Mine\n\nIn my words.\n")
      await page.keyboard.press("Control+Enter")
      await finished(page)
      expect(read("mine.md")).toBe("# Mine\n\nIn my words.\n")
      expect(existsSync(join(docs, GAPS))).toBe(false)
      expect(await decision(page).innerText()).toBe("You changed mine.md and approved it")
      expect(await page.locator(".answer").innerText()).toContain("as you changed it")
      await expectLog(stacks.suspended, page)
    },
    TIMEOUT
  )

  it(
    "is not written where its name leads out of the folder, and what was typed stays",
    async () => {
      const page = await wanted(stacks.held)
      await button(page, "Edit").click()
      await card(page).getByRole("textbox", { name: "Name" }).fill("../out.md")
      await button(page, "Approve as edited").click()
      const alert = card(page).getByRole("alert")
      await alert.waitFor()
      expect(await alert.innerText()).toContain("without a folder")
      expect(await card(page).getByRole("textbox", { name: "Name" }).inputValue()).toBe("../out.md")
      await card(page).getByRole("textbox", { name: "Name" }).fill("out.md")
      await button(page, "Approve as edited").click()
      await finished(page)
      expect(existsSync(join(docs, "../out.md"))).toBe(false)
      expect(read("out.md")).toBe(NOTE)
    },
    TIMEOUT
  )

  it.each([["held"], ["suspended"]] as const)(
    "is not written when it is refused, and the answer says why, by a run that is %s",
    async (which) => {
      const page = await wanted(stacks[which], which === "suspended")
      await button(page, "Refuse").click()
      await page.keyboard.type("not <b>now</b>")
      await page.keyboard.press("Enter")
      await finished(page)
      expect(readdirSync(docs).toSorted()).toEqual(Object.keys(documents).toSorted())
      expect(await decision(page).innerText()).toBe(`You refused ${GAPS}: “not <b>now</b>”`)
      expect(await page.locator(".answer").innerText()).toContain("Nothing was written.")
      await expectLog(stacks[which], page)
    },
    TIMEOUT
  )

  it.each([["held"], ["suspended"]] as const)(
    "is asked about across a reload, by a run that is %s",
    async (which) => {
      const page = await wanted(stacks[which], which === "suspended")
      const before = await page.locator(".conversation").innerText()
      await page.reload()
      await card(page).waitFor()
      expect(await page.locator(".conversation").innerText()).toBe(before)
      await button(page, "Approve").click()
      await finished(page)
      expect(read(GAPS)).toBe(NOTE)
      await expectLog(stacks[which], page)
      await page.reload()
      await decision(page).waitFor()
      expect(await decision(page).innerText()).toBe(`You approved ${GAPS}`)
    },
    TIMEOUT
  )

  it(
    "is decided in one tab, which the other shows at once",
    async () => {
      const first = await wanted(stacks.suspended, true)
      const second = await open(stacks.suspended, threadOf(first))
      await card(second).waitFor()
      await button(first, "Approve").click()
      await decision(second).waitFor()
      expect(await decision(second).innerText()).toBe(`You approved ${GAPS}`)
      expect(await card(second).count()).toBe(0)
      await Promise.all([finished(first), finished(second)])
      expect(await expectLog(stacks.suspended, second)).toEqual(await expectLog(stacks.suspended, first))
    },
    TIMEOUT
  )

  it.each([
    ["whose run goes on", "It shows here in a moment."],
    ["whose run has ended", "The run has ended since."]
  ])(
    "%s is decided once: a tab that is behind is told kindly",
    async (which, advice) => {
      const stack = stacks.suspended
      const worker = stack.pids.worker
      const first = await wanted(stack, true)
      const behind = await open(stack, threadOf(first))
      await card(behind).waitFor()
      await freeze(behind, true)
      // With no worker at hand the run stays where it is.
      const goesOn = which === "whose run goes on"
      if (goesOn) process.kill(worker, "SIGSTOP")
      try {
        await button(first, "Refuse").click()
        await button(first, "Refuse").click()
        await decision(first).waitFor()
        if (!goesOn) await finished(first)
        // Not by the mouse, which waits for animation frames.
        await button(behind, "Approve").dispatchEvent("click")
        const told = card(behind).getByRole("status")
        await told.waitFor()
        expect(await told.innerText()).toBe(`This was already decided. ${advice}`)
      } finally {
        if (goesOn) process.kill(worker, "SIGCONT")
      }
      await freeze(behind, false)
      await decision(behind).waitFor()
      expect(await decision(behind).innerText()).toBe(`You refused ${GAPS}`)
      await finished(behind)
      expect(existsSync(join(docs, GAPS))).toBe(false)
      await expectLog(stack, behind)
    },
    TIMEOUT
  )

  it(
    "of an answer is drafted by its button, and shows what changes in a file that is there",
    async () => {
      const page = await open(stacks.held)
      writeFileSync(join(docs, "note-tea.md"), "# Tea?\n\nHeat the water.\n")
      await ask(page, "tea?")
      await page.getByRole("button", { name: "Save as note" }).click()
      await card(page).waitFor()
      expect(await page.locator(".question").last().innerText()).toBe("Save the answer to “tea?” as a note")
      const lines = await card(page).locator(".change li[data-type=removed]").allInnerTexts()
      expect(lines.join("\n")).toContain("Heat the water.")
      await button(page, "Approve").click()
      await finished(page)
      expect(read("note-tea.md")).toContain("> Brew it for four minutes.")
    },
    TIMEOUT
  )

  it(
    "is taken back when the run is stopped",
    async () => {
      const page = await wanted(stacks.suspended, true)
      await page.getByRole("button", { name: "Stop" }).click()
      await finished(page)
      expect(await decision(page).innerText()).toBe(`${GAPS} is no longer asked: the run ended`)
      expect(existsSync(join(docs, GAPS))).toBe(false)
    },
    TIMEOUT
  )
})
