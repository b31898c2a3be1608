/** The long job's page in a real browser: progress over many functions, a reload, two tabs, a pause and a question. */
import type { Browser, BrowserContext, Page } from "playwright-core"
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest"
import { startPlatform } from "../../examples/2-long-job/platform.ts"
import type { Platform } from "../../examples/2-long-job/platform.ts"
import { describeInBrowser, launch } from "./browser.ts"
import { expectLog, threadOf } from "./tab.ts"

const TIMEOUT = 120_000

describeInBrowser("the long job's page", () => {
  let browser: Browser
  let platform: Platform
  beforeAll(async () => {
    ;[browser, platform] = await Promise.all([launch(), startPlatform()])
  }, TIMEOUT)
  afterAll(async () => {
    await browser?.close()
    await platform?.close()
  })
  const open = async (context: BrowserContext, thread?: string): Promise<Page> => {
    const page = await context.newPage()
    page.setDefaultTimeout(TIMEOUT / 3)
    const errors: string[] = []
    page.on("pageerror", (error) => errors.push(String(error)))
    page.on("console", (message) => message.type() === "error" && errors.push(message.text()))
    onTestFinished(() => expect(errors).toEqual([]))
    await page.goto(`${platform.url}?orders=120${thread === undefined ? "" : `&thread=${thread}`}`)
    await page.getByText("Live", { exact: true }).waitFor()
    return page
  }
  const orderOf = async (page: Page): Promise<number> =>
    Number(/^Order (\d+)/.exec((await page.locator(".label").textContent()) ?? "")?.[1] ?? 0)
  const state = (page: Page, text: string) => page.locator(".state", { hasText: text }).waitFor()
  const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true })

  it(
    "shows the same in two tabs and across reloads, whatever function works, or none",
    async () => {
      const context = await browser.newContext()
      onTestFinished(() => context.close())
      const first = await open(context)
      const second = await open(context, threadOf(first))
      await button(first, "Refund 120 orders").click()
      await second.locator(".label", { hasText: /^Order ([5-9]|\d\d) / }).waitFor()
      // Paused in one tab, in sight of the other.
      await button(second, "Pause").click()
      await Promise.all([state(first, "Paused"), state(second, "Paused")])
      const paused = await orderOf(first)
      expect(paused).toBeGreaterThan(4)
      await first.reload()
      await state(first, "Paused")
      expect(await orderOf(first)).toBe(paused)
      await button(first, "Resume").click()

      // The question waits while nothing runs, across a reload.
      await Promise.all([state(first, "Waits for you"), state(second, "Waits for you")])
      await second.reload()
      await state(second, "Waits for you")
      await second.getByRole("group", { name: /Some cards have expired/ }).waitFor()
      await button(second, "A voucher").click()
      await first.getByText("Some cards have expired. What do these customers get? A voucher.").waitFor()

      await Promise.all([state(first, "Done"), state(second, "Done")])
      expect(await first.locator("main").innerText()).toBe(await second.locator("main").innerText())
      const log = await expectLog(platform, first)
      expect(await expectLog(platform, second)).toEqual(log)
      // orders 9, 18, 27, 36, 45 and 54 had expired cards before anybody was asked
      expect(log.runs).toMatchObject([{ outcome: { type: "completed", result: { orders: 120, refunded: 114 } } }])
      expect(log.runs[0]?.epoch).toBeGreaterThanOrEqual(3)
      expect((await platform.payments.totals()).refunds).toBe(114)
    },
    TIMEOUT
  )
})
