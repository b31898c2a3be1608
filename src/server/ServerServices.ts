/** What the fetch handler needs besides what workers have. Built once per process by `createBackend`. */
import type { AccessService } from "../ports/Access.ts"
import type { GatewayService } from "../ports/Gateway.ts"
import type { AgentServices } from "../agent/AgentServices.ts"
import type { Limiter } from "./limits.ts"
import type { Admit } from "./admit.ts"

export interface ServerServices extends AgentServices {
  readonly gateway: GatewayService
  readonly access: AccessService
  /** Origins besides the handler's own that browsers may call from. */
  readonly origins: ReadonlySet<string>
  readonly grantMillis: number
  readonly reconnectSpreadMillis: number
  readonly limiter: Limiter
  /** Absent: every start that is authorized is admitted. */
  readonly admit: Admit | undefined
}
