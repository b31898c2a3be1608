import { killTests } from "../processes/killTests.ts"

killTests({ cycles: 200, threads: 16, zombies: 20, others: { cycles: 20, threads: 8, zombies: 4 } })
