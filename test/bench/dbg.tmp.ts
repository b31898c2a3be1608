import { compare, measuredTable } from "./compare.ts"
import { ours } from "./ours.ts"
const some = await compare([ours("memory")], { rounds: 1, warmSeconds: 2, load: { tokensPerSecond: 200, seconds: 12, runs: Number(process.argv[2]) } })
console.log(measuredTable(some))
