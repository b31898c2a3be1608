/** All fuzz targets. */
import { guardTargets } from "./guard.ts"
import type { Target } from "./harness.ts"
import { recordTargets } from "./records.ts"
import { requestTargets } from "./requests.ts"
import { viewTargets } from "./view.ts"
import { webhookTargets } from "./webhooks.ts"

export const targets: readonly Target[] = [
  ...guardTargets,
  ...viewTargets,
  ...requestTargets,
  ...recordTargets,
  ...webhookTargets
]
