/**
 * A process that appends to a thread of a Postgres log and prints `offset id` for each append that was acknowledged.
 * Arguments: connection, thread, name, how many (0: until it is killed).
 */
import { postgresLog } from "../../../adapters/logs/postgres/log.ts"
import { writeAlone } from "./writeAlone.ts"

const [connection = "", thread = "", name = "", count = "0"] = process.argv.slice(2)

await writeAlone(postgresLog({ connection }), thread, name, Number(count))
