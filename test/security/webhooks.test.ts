import { expect, it } from "vitest"
import { tryForgeries } from "./forgedWebhooks.ts"

/** `npm run test:long` makes the whole number. */
const trials = process.env["THROUGHLINE_LONG"] === "1" ? 1_000_000 : 20_000

it("of forged webhooks none is accepted, and no genuine one is refused while keys change", async () => {
  const seed = 20_260_101
  expect(await tryForgeries(trials, seed)).toEqual({ trials, accepted: 0, genuineRefused: 0, seed })
}, 1_200_000)
