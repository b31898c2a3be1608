/**
 * Plants mutants from the command line and prints what became of each:
 *
 *     node test/mutants/main.ts             all of them
 *     node test/mutants/main.ts digest      those whose name, rule, file or tests match this pattern
 */
import { mutants } from "./mutants.ts"
import { printed, runMutants } from "./runMutants.ts"

const pattern = new RegExp(process.argv[2] ?? "", "i")
const chosen = mutants.filter(({ file, name, rule, tests }) => pattern.test([name, rule, file, ...tests].join("\n")))
const fates = await runMutants(chosen, (fate) => console.log(printed(fate)))
const killed = fates.filter(({ type }) => type === "killed").length
console.log(`${killed} of ${chosen.length} killed`)
if (killed < chosen.length) process.exitCode = 1
