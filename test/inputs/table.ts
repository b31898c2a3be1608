/** All rows of bad inputs. */
import type { Row, Unlike } from "./row.ts"
import { frameRows } from "./rows/frames.ts"
import { interruptRows } from "./rows/interrupt.ts"
import { restRows } from "./rows/rest.ts"
import { socketRows } from "./rows/socket.ts"
import { webhookRows } from "./rows/webhook.ts"

export const rows: readonly Row[] = [...frameRows, ...socketRows, ...restRows, ...webhookRows, ...interruptRows]
export const unlike: readonly Unlike[] = []
