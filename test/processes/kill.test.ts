import { killTests } from "./killTests.ts"

killTests({ cycles: 8, threads: 8, zombies: 1 })
