/**
 * The copilot page in a real browser, over the whole stack. After each adventure the page's view must equal the log's.
 */
import { rm } from "node:fs/promises"
import type { Browser, BrowserContext, Page } from "playwright-core"
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest"
import { startStack } from "../../src/cli/stack.ts"
import type { Stack, StackOptions } from "../../src/cli/stack.ts"
import { handbook, writeFolder } from "../examples/librarian/folder.ts"
import { describeInBrowser, launch } from "./browser.ts"
import { gateways } from "./gateways.ts"
import { expectLog, finished, threadOf, TIMEOUT } from "./tab.ts"
import type { Global } from "./tab.ts"

const SECTIONS = 400
/** So many sections fit this that no run reads them all before somebody has stopped or steered it. */
const ENDLESS = "When does moonlight come?"
const almanac = Array.from({ length: 6_000 }, (_, day) => `## Day ${day}\n\nMoonlight comes at hour ${day % 24}.\n`)
const documents = {
  ...handbook(SECTIONS),
  "almanac.md": `# Almanac\n\n${almanac.join("\n")}`,
  "pests.md": "# Pests\n\nGreenfly are washed off with soapsuds.\n",
  "hostile.md":
    '# Hostile\n\nA wolpertinger <img src=x onerror="window.hacked=1"> ![pixel](http://127.0.0.1:9/pixel.png) [click](javascript:window.hacked=1) <script>window.hacked=1</script> [fine](https://example.org/).\n'
}
const passages = (page: Page) => page.locator(".answer > .prose")
const atLeast = async (page: Page, count: number): Promise<void> => {
  await page.waitForFunction(
    (wanted) =>
      ((globalThis as unknown as Global).thread.view.messages.at(-1)?.parts ?? []).filter(
        ({ type }) => type === "source"
      ).length >= wanted,
    count,
    { timeout: TIMEOUT }
  )
}
const askEverything = async (page: Page, question = "How is watering done?"): Promise<void> => {
  await page.getByText("Read everything that fits").click()
  await page.getByRole("textbox", { name: "Ask the librarian" }).fill(question)
  await page.keyboard.press("Enter")
}

describeInBrowser("the page", () => {
  let browser: Browser
  let stack: Stack
  let docs: { readonly stack: Promise<Stack>; readonly cleanup: () => Promise<void> }
  beforeAll(async () => {
    docs = stackOf("azure-web-pubsub")
    ;[browser, stack] = await Promise.all([launch(), docs.stack])
  }, TIMEOUT)
  afterAll(async () => {
    await browser?.close()
    await docs?.cleanup()
  })
  /** A tab of its own profile; anything that the page logs as an error fails the test. */
  const open = async (
    options: {
      readonly context?: BrowserContext
      readonly thread?: string
      readonly width?: number
      readonly stack?: Stack
      readonly quiet?: boolean
    } = {}
  ): Promise<Page> => {
    const context =
      options.context ?? (await browser.newContext({ viewport: { width: options.width ?? 1280, height: 800 } }))
    const page = await context.newPage()
    const errors: string[] = []
    page.on("pageerror", (error) => errors.push(String(error)))
    page.on("console", (message) => message.type() === "error" && errors.push(message.text()))
    onTestFinished(async () => {
      await context.close()
      if (options.quiet !== false) expect(errors).toEqual([])
    })
    await page.goto(`${(options.stack ?? stack).url}${options.thread === undefined ? "" : `?thread=${options.thread}`}`)
    await page.locator('.connection[data-state="live"]').waitFor({ timeout: TIMEOUT })
    return page
  }

  it(
    "answers a suggested question, with sources that open",
    async () => {
      const page = await open()
      const question = (await page.locator(".suggestions button").first().innerText()).trim()
      await page.locator(".suggestions button").first().click()
      await finished(page)
      await expectLog(stack, page)
      expect(await page.locator(".question").innerText()).toBe(question)
      expect(await page.locator(".status-label").innerText()).toMatch(/^Answered from \d+ sections?$/)
      await page.locator(".source").first().click()
      await page.locator(".source-dialog .prose").waitFor()
      expect(await page.locator(".source-dialog .prose").innerText()).toMatch(
        /Watering plant\d+ is done in the morning/
      )
      await page.keyboard.press("Escape")
      await page.locator(".source-dialog").waitFor({ state: "detached" })
      expect(await page.locator("[aria-live=polite]").innerText()).toMatch(
        /^The answer is complete, with \d+ sources?\.$/
      )
    },
    TIMEOUT
  )

  it(
    "shows the answer while it is written",
    async () => {
      const page = await open()
      await askEverything(page)
      await atLeast(page, 3)
      expect(await page.locator(".status").getAttribute("data-active")).toBe("true")
      expect(await page.getByRole("button", { name: "Stop" }).isVisible()).toBe(true)
      expect(await passages(page).count()).toBeGreaterThan(1)
      await finished(page)
      const log = await expectLog(stack, page)
      expect(log.runs[0]?.outcome).toMatchObject({ type: "completed", result: { cited: SECTIONS } })
      expect(await page.locator(".sources h3").innerText()).toBe(`${SECTIONS} sources`)
    },
    TIMEOUT
  )

  it(
    "stops a run",
    async () => {
      const page = await open()
      await askEverything(page, ENDLESS)
      await atLeast(page, 2)
      await page.getByRole("button", { name: "Stop" }).click()
      await page.locator('.status[data-outcome="cancelled"]').waitFor({ timeout: TIMEOUT })
      const log = await expectLog(stack, page)
      expect(log.runs[0]?.outcome?.type).toBe("cancelled")
      expect(log.messages.at(-1)?.parts.filter(({ type }) => type === "source").length).toBeLessThan(almanac.length)
      expect(await page.evaluate(() => document.activeElement?.id)).toBe("composer")
    },
    TIMEOUT
  )

  it(
    "stops a run with Escape",
    async () => {
      const page = await open()
      await askEverything(page, ENDLESS)
      await atLeast(page, 2)
      await page.keyboard.press("Escape")
      await finished(page)
      expect((await expectLog(stack, page)).runs[0]?.outcome?.type).toBe("cancelled")
    },
    TIMEOUT
  )

  it(
    "steers a run, and shows what became of it",
    async () => {
      const page = await open()
      await askEverything(page, ENDLESS)
      await atLeast(page, 2)
      await page.getByRole("textbox", { name: "Steer the run" }).fill("focus on greenfly")
      await page.keyboard.press("Enter")
      await page.locator('.steer[data-state="applied"]').waitFor({ timeout: TIMEOUT })
      expect(await page.locator(".steer").innerText()).toMatch(/focus on greenfly\s+Taken up after “Read Day \d+”/)
      await finished(page)
      const log = await expectLog(stack, page)
      expect(log.runs[0]?.interrupts).toMatchObject([{ kind: "steer", state: "applied" }])
      expect(await passages(page).last().innerText()).toContain("Greenfly are washed off with soapsuds.")
    },
    TIMEOUT
  )

  it(
    "shows the same after a reload in the middle of a run",
    async () => {
      const page = await open()
      await askEverything(page)
      await atLeast(page, 3)
      await page.reload()
      await page.locator(".question").waitFor({ timeout: TIMEOUT })
      expect(await page.locator(".question").innerText()).toBe("How is watering done?")
      await finished(page)
      const log = await expectLog(stack, page)
      expect(log.runs).toHaveLength(1)
      expect(log.runs[0]?.outcome).toMatchObject({ type: "completed", result: { cited: SECTIONS } })
    },
    TIMEOUT
  )

  it(
    "shows the same in a second tab that is opened in the middle of a run",
    async () => {
      const first = await open()
      await askEverything(first)
      await atLeast(first, 3)
      const second = await open({ context: first.context(), thread: threadOf(first) })
      await finished(first)
      await finished(second)
      expect(await expectLog(stack, second)).toEqual(await expectLog(stack, first))
      await second.locator(".sources").waitFor({ timeout: TIMEOUT })
      await first.locator(".sources").waitFor({ timeout: TIMEOUT })
      expect(await second.locator(".conversation").innerText()).toBe(await first.locator(".conversation").innerText())
    },
    TIMEOUT
  )

  it(
    "lets one tab stop what another one began",
    async () => {
      const first = await open()
      const second = await open({ context: first.context(), thread: threadOf(first) })
      await askEverything(first, ENDLESS)
      await second.getByRole("button", { name: "Stop" }).click()
      await finished(first)
      expect((await expectLog(stack, first)).runs[0]?.outcome?.type).toBe("cancelled")
      await expectLog(stack, second)
    },
    TIMEOUT
  )

  it.for(gateways)(
    "loses nothing when its connection is lost in the middle of a run, over $gateway",
    { timeout: TIMEOUT },
    async ({ gateway, missing }, { skip }) => {
      if (missing !== undefined) return skip(missing)
      const own = gateway === "azure-web-pubsub" ? undefined : stackOf(gateway)
      if (own !== undefined) onTestFinished(own.cleanup)
      const used = (await own?.stack) ?? stack
      const page = await open({ stack: used, quiet: false })
      await askEverything(page)
      await atLeast(page, 2)
      await page.context().setOffline(true)
      await used.cut()
      await page.locator('.connection:not([data-state="live"])').waitFor({ timeout: TIMEOUT })
      await page.context().setOffline(false)
      await finished(page)
      await page.locator('.connection[data-state="live"]').waitFor({ timeout: TIMEOUT })
      const log = await expectLog(used, page)
      expect(log.runs[0]?.outcome).toMatchObject({ type: "completed", result: { cited: SECTIONS } })
    }
  )

  it(
    "goes on after sockets are cut again and again",
    async () => {
      const page = await open({ quiet: false })
      await askEverything(page)
      for (let cuts = 1; cuts <= 3; cuts += 1) {
        await atLeast(page, cuts * 20)
        await stack.cut()
      }
      await finished(page)
      await expectLog(stack, page)
    },
    TIMEOUT
  )

  it(
    "brings the question to the top, and stays where a reader has gone",
    async () => {
      const page = await open()
      await askEverything(page)
      await page.waitForFunction(
        () => Math.abs((document.querySelector(".question")?.getBoundingClientRect().top ?? 0) - 84) < 4,
        undefined,
        { timeout: TIMEOUT }
      )
      await page.mouse.move(600, 400)
      await page.mouse.wheel(0, -10_000)
      await page.waitForFunction(() => scrollY === 0)
      await finished(page)
      await page.locator(".sources").waitFor({ timeout: TIMEOUT })
      expect(await page.evaluate(() => scrollY)).toBe(0)
      await page.getByRole("button", { name: "To the newest words" }).click()
      await page.waitForFunction(() => document.documentElement.scrollHeight - innerHeight - scrollY < 48)
    },
    TIMEOUT
  )

  it(
    "begins a new conversation, and keeps the old one at its address",
    async () => {
      const page = await open()
      const old = page.url()
      await page.getByRole("textbox", { name: "Ask the librarian" }).fill("greenfly")
      await page.keyboard.press("Enter")
      await finished(page)
      await page.getByRole("button", { name: "New conversation" }).click()
      await page.locator(".welcome").waitFor({ timeout: TIMEOUT })
      expect(threadOf(page)).not.toBe(new URL(old).searchParams.get("thread"))
      await page.goto(old)
      await page.locator(".question").waitFor({ timeout: TIMEOUT })
      expect(await page.locator(".question").innerText()).toBe("greenfly")
    },
    TIMEOUT
  )

  it(
    "never runs, loads or follows what a document carries",
    async () => {
      const page = await open()
      const requests: string[] = []
      page.on("request", (request) => requests.push(request.url()))
      await page.getByRole("textbox", { name: "Ask the librarian" }).fill("wolpertinger")
      await page.keyboard.press("Enter")
      await finished(page)
      await page.locator(".source").first().click()
      await page.locator(".source-dialog .prose").waitFor()
      expect(await page.evaluate(() => "hacked" in globalThis)).toBe(false)
      expect(await page.locator("main img, dialog img, main script, dialog script").count()).toBe(0)
      expect(await page.locator("a[href^=javascript]").count()).toBe(0)
      expect(await page.locator('.answer a[href="https://example.org/"]').getAttribute("rel")).toContain("noreferrer")
      expect(requests.filter((url) => !url.startsWith(stack.url))).toEqual([])
    },
    TIMEOUT
  )

  it(
    "makes a new line with Shift+Enter, and keeps what is typed while a run begins",
    async () => {
      const page = await open()
      const box = page.getByRole("textbox", { name: "Ask the librarian" })
      await box.pressSequentially("green")
      await page.keyboard.press("Shift+Enter")
      await box.pressSequentially("fly")
      expect(await box.inputValue()).toBe("green\nfly")
      await page.keyboard.press("Enter")
      await finished(page)
      expect(await box.inputValue()).toBe("")
      expect(await page.locator(".question").innerText()).toBe("green\nfly")
    },
    TIMEOUT
  )

  it(
    "fits a phone, and names everything that can be pressed",
    async () => {
      const page = await open({ width: 375 })
      await page.getByRole("textbox", { name: "Ask the librarian" }).fill("greenfly and watering")
      await page.keyboard.press("Enter")
      await finished(page)
      expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0)
      const unnamed = await page.evaluate(
        () =>
          [...document.querySelectorAll("button, a, input, textarea, summary")].filter((element) => {
            const label =
              element.getAttribute("aria-label") ??
              (element as HTMLInputElement).labels?.[0]?.textContent ??
              element.textContent
            return (label ?? "").trim() === ""
          }).length
      )
      expect(unnamed).toBe(0)
      for (const role of ["banner", "main", "contentinfo"] as const) expect(await page.getByRole(role).count()).toBe(1)
    },
    TIMEOUT
  )

  it("serves its files only under its own name, with a strict policy", async () => {
    const answer = await fetch(stack.url)
    expect(answer.headers.get("content-security-policy")).toMatch(
      /^default-src 'none'; script-src 'self'; style-src 'self';/
    )
    expect(answer.headers.get("set-cookie")).toMatch(/HttpOnly; SameSite=Strict$/)
    const { port } = new URL(stack.url)
    const { request } = await import("node:http")
    const status = await new Promise((resolve, reject) => {
      request({ port, host: "127.0.0.1", headers: { host: "evil.example" } }, (response) =>
        resolve(response.resume().statusCode)
      )
        .on("error", reject)
        .end()
    })
    expect(status).toBe(421)
    expect((await fetch(`${stack.url}section?ref=${encodeURIComponent("../../../etc/passwd")}`)).status).toBe(404)
    expect((await fetch(`${stack.url}../src/cli/main.ts`)).status).toBe(404)
  })
})

/** The stack with the tests' documents. */
const stackOf = (
  gateway: StackOptions["gateway"]
): { readonly stack: Promise<Stack>; readonly cleanup: () => Promise<void> } => {
  const folder = writeFolder(documents)
  const stack = folder.then((docs) => startStack({ docs, gateway, port: 0, page: true }))
  return {
    stack,
    cleanup: async () => {
      await stack.then(
        (one) => one.close(),
        () => {}
      )
      await rm(await folder, { recursive: true, force: true })
    }
  }
}
