/**
 * The long job: customers get their money back for a product that was recalled, one call to the payment service each.
 *
 * It does not know how long a function may live. What it has done is in the log: each refund is a recorded call, and
 * every ten orders a checkpoint says where to go on, so that a new function does not pass all of them again.
 */
import { defineAgent } from "throughline"
import * as z from "zod"
import type { Payments } from "./payments.ts"

const CHECKPOINT_EVERY = 10
/** Whose card has expired, every ninth. */
const hasExpired = (order: number): boolean => order % 9 === 8
const amountOf = (order: number): number => 10 + ((order * 7) % 40)

/** What a checkpoint holds. */
type Progress = { readonly next: number; readonly refunded: number; readonly instead: Instead | null }
type Instead = "voucher" | "leave"

export const createRefunds = (payments: Payments) =>
  defineAgent({
    name: "refunds",
    input: z.object({ orders: z.number().int().min(1).max(1_000) }),
    output: z.object({ orders: z.number(), refunded: z.number() }),
    // An ask is answered some time; this function is over long before.
    holdFor: "500 millis",
    onWorkerLost: "retry",
    run: async (run, { orders }) => {
      const from = ((await run.resumedFrom()) ?? { next: 0, refunded: 0, instead: null }) as Progress
      let { instead, refunded } = from
      for (let order = from.next; order < orders; order += 1) {
        if (order > from.next && order % CHECKPOINT_EVERY === 0)
          await run.checkpoint({ next: order, refunded, instead } satisfies Progress)
        run.status(`Order ${order + 1} of ${orders}`, { fraction: order / orders })
        // The first half has shown how many there are; from there on somebody has to say.
        if (instead === null && hasExpired(order) && order >= orders / 2) {
          const reply = await run.ask.choice({
            prompt: "Some cards have expired. What do these customers get?",
            options: [
              { id: "voucher", label: "A voucher" },
              { id: "leave", label: "A letter, later" }
            ],
            expiresIn: "1 day",
            key: "expired-cards"
          })
          instead = reply.answered ? reply.value : "leave"
        }
        if (hasExpired(order) && instead !== "voucher") continue
        await run.tool(
          "refund",
          { order, amount: amountOf(order), as: hasExpired(order) ? "voucher" : "card" },
          // The key is the same in every epoch: the service does nothing twice.
          (refund, { key }) => payments.refund(key, refund),
          { key: `order-${order}`, idempotent: true }
        )
        refunded += 1
      }
      run.status(`${refunded} of ${orders} orders refunded`, { fraction: 1 })
      await run.text(`${refunded} of ${orders} customers have their money back.`)
      return { orders, refunded }
    }
  })
