/** The application's word on a start, after rights and shape: a quota for what costs money. */
import * as Effect from "effect/Effect"
import type { StartRun } from "../protocol/Exchange.ts"
import { fault, type Fault } from "../protocol/Fault.ts"
import type { Principal } from "../ports/Access.ts"

type Admission = boolean | Fault
export type Admit = (
  principal: Principal,
  /** `start.id` stays the same when a start is sent again. */
  start: StartRun & { readonly thread: string }
) => Promise<Admission> | Admission

/** Fails closed: only `true` admits, and what throws is a defect. */
export const admitted = (
  admit: Admit | undefined,
  principal: Principal,
  thread: string,
  start: StartRun
): Effect.Effect<void, Fault> =>
  admit === undefined
    ? Effect.void
    : Effect.flatMap(
        Effect.promise(async () => admit(principal, { ...start, thread })),
        (admission) =>
          admission === true
            ? Effect.void
            : Effect.fail(
                typeof admission === "object" && admission !== null
                  ? admission
                  : fault("FORBIDDEN", "you may not start more runs now")
              )
      )
