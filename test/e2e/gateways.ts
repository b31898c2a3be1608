/** The gateways that the command starts, and which of the real things are not on this machine. */
import { GATEWAYS } from "../../src/cli/stack.ts"
import { gateways as known } from "../adapters/gateways/environments/all.ts"

export const gateways = GATEWAYS.map((gateway) => ({
  gateway,
  missing: known.find(({ name }) => name === gateway)?.missing
}))
