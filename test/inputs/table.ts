/** All rows of bad inputs. */
import type { Row, Unlike } from "./row.ts"
import { agentRows } from "./rows/agent.ts"
import { operatorRows } from "./rows/operator.ts"
import { storeRows } from "./rows/store.ts"
import { tokenRows } from "./rows/token.ts"
import { frameRows } from "./rows/frames.ts"
import { interruptRows } from "./rows/interrupt.ts"
import { restRows } from "./rows/rest.ts"
import { socketRows } from "./rows/socket.ts"
import { webhookRows } from "./rows/webhook.ts"

export const rows: readonly Row[] = [
  ...frameRows,
  ...socketRows,
  ...restRows,
  ...webhookRows,
  ...tokenRows,
  ...interruptRows,
  ...agentRows,
  ...storeRows,
  ...operatorRows
]
export const unlike: readonly Unlike[] = []
