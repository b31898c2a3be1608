/** A gateway used by its vendor's SDKs alone: what an application without Throughline would write. */
import type { GatewaySettings } from "../../../../examples/gateways/settings.ts"
import type { Grant } from "../../../../src/protocol/Exchange.ts"

export interface Bare<Name extends GatewaySettings["name"] = GatewaySettings["name"]> {
  /** Resolves when the SDK says that the text was sent. */
  readonly publisher: (
    settings: Extract<GatewaySettings, { readonly name: Name }>
  ) => Promise<(group: string, text: string) => Promise<unknown>>
  /** Resolves when texts of the group arrive. The adapter's grant says where and with which right. */
  readonly listen: (grant: Grant, group: string, onText: (text: string) => void) => Promise<void>
}
