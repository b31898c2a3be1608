/** All rows of bad inputs. */
import type { Row, Unlike } from "./row.ts"
import { frameRows } from "./rows/frames.ts"
import { restRows } from "./rows/rest.ts"

export const rows: readonly Row[] = [...frameRows, ...restRows]
export const unlike: readonly Unlike[] = []
