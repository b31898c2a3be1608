/** A tab of the librarian's page: what it shows, and whether that is what the log says. */
import type { Page } from "playwright-core"
import { expect } from "vitest"
import type { View } from "throughline/client"
import type { Stack } from "../../src/cli/stack.ts"
import { createFold } from "../../src/thread/fold.ts"
import type { Entry } from "../../src/protocol/Entry.ts"

export const TIMEOUT = 60_000

/** A server with a log. */
type Logged = Pick<Stack, "url" | "token">

/** What a full replay of the log shows. */
const logView = async (stack: Logged, thread: string): Promise<View> => {
  const fold = createFold()
  for (let after = 0; ;) {
    const response = await fetch(`${stack.url}api/threads/${thread}/entries?after=${after}`, {
      headers: { authorization: `Bearer ${stack.token}` }
    })
    const page = (await response.json()) as { readonly entries: readonly Entry[]; readonly more: boolean }
    for (const entry of page.entries) fold.apply(entry)
    after = page.entries.at(-1)?.offset ?? after
    if (!page.more) return fold.view
  }
}
export type Global = { readonly thread: { readonly view: View; readonly connection: string } }
const pageView = (page: Page): Promise<View> => page.evaluate(() => (globalThis as unknown as Global).thread.view)
export const threadOf = (page: Page): string => new URL(page.url()).searchParams.get("thread") ?? ""
export const finished = async (page: Page): Promise<void> => {
  await page.waitForFunction(
    () => (globalThis as unknown as Global).thread?.view.runs.at(-1)?.state === "finished",
    undefined,
    { timeout: TIMEOUT }
  )
}
export const expectLog = async (stack: Logged, page: Page): Promise<View> => {
  const log = await logView(stack, threadOf(page))
  await page.waitForFunction((offset) => (globalThis as unknown as Global).thread.view.offset >= offset, log.offset, {
    timeout: TIMEOUT
  })
  expect(await pageView(page)).toEqual(log)
  expect(log.dropped).toBe(0)
  return log
}
