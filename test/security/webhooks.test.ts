import { expect, it } from "vitest"
import { tryForgeries } from "./forgedWebhooks.ts"

it("of 20,000 forged webhooks none is accepted, and no genuine one is refused while keys change", async () => {
  const seed = 20_260_101
  expect(await tryForgeries(20_000, seed)).toEqual({ trials: 20_000, accepted: 0, genuineRefused: 0, seed })
}, 120_000)
