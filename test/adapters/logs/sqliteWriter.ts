/**
 * A process that appends to a thread of a SQLite log and prints `offset id` for each append that was acknowledged.
 * Arguments: file, thread, name, how many (0: until it is killed).
 */
import { sqliteLog } from "../../../adapters/logs/sqlite/log.ts"
import { writeAlone } from "./writeAlone.ts"

const [file = "", thread = "", name = "", count = "0"] = process.argv.slice(2)

await writeAlone(sqliteLog({ file }), thread, name, Number(count))
