import { killTests } from "../processes/killTests.ts"

/** Of each kind of process. `THROUGHLINE_CYCLES=50` makes it a quarter as long. */
const cycles = Number(process.env["THROUGHLINE_CYCLES"] ?? 200)

killTests({ cycles, threads: 12, zombies: 20, others: { cycles: 20, threads: 8, zombies: 4 } })
