/** All rows of bad inputs, and the tables that the documents have of them. */
import { SURFACES, type Row, type Unlike } from "./row.ts"
import { askRows } from "./rows/ask.ts"
import { agentRows } from "./rows/agent.ts"
import { operatorRows } from "./rows/operator.ts"
import { storeRows } from "./rows/store.ts"
import { tokenRows } from "./rows/token.ts"
import { bodyRows } from "./rows/bodies.ts"
import { clientRows } from "./rows/client.ts"
import { decoderRows } from "./rows/decoder.ts"
import { httpRows } from "./rows/http.ts"
import { nameRows } from "./rows/names.ts"
import { rightRows } from "./rows/rights.ts"
import { interruptRows } from "./rows/interrupt.ts"
import { socketRows } from "./rows/socket.ts"
import { webhookRows } from "./rows/webhook.ts"

export const rows: readonly Row[] = [
  ...decoderRows,
  ...clientRows,
  ...socketRows,
  ...bodyRows,
  ...nameRows,
  ...httpRows,
  ...rightRows,
  ...webhookRows,
  ...tokenRows,
  ...interruptRows,
  ...askRows,
  ...agentRows,
  ...storeRows,
  ...operatorRows
]
export const unlike: readonly Unlike[] = [
  {
    id: "B88",
    input: "a callback's address that leads inside: `http://169.254.169.254`, `localhost`, DNS rebinding, a redirect",
    why: "no client names an address that this side calls; whom a gateway calls is its operator's setting, and it follows no redirect"
  }
]
const cell = (text: string) => text.replaceAll("|", "\\|").replaceAll("\n", " ")
/** The tables as docs/bad-inputs.md has them: same answers of one id together. */
export const inputTables = (): string => {
  const tables = Object.entries(SURFACES).map(([surface, title]) => {
    const of = rows
      .filter((row) => row.surface === surface)
      .toSorted((a, b) => a.id.localeCompare(b.id, "en", { numeric: true }))
    const lines = of.map(({ answer, check, id, input }) => {
      const by = typeof check === "function" ? "" : `\`${check.file}\``
      return `| ${id} | ${cell(input)} | ${cell(answer)} | ${by} |`
    })
    return `## ${title}\n\n| id | what comes in | what is answered | proven in |\n| --- | --- | --- | --- |\n${lines.join("\n")}`
  })
  const none = unlike.map(({ id, input, why }) => `| ${id} | ${cell(input)} | ${cell(why)} |`)
  return `${rows.length} rows.\n\n${tables.join("\n\n")}\n\n## What has no counterpart here\n\n| id | what comes in | why |\n| --- | --- | --- |\n${none.join("\n")}`
}
