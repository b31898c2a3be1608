import { readersTests } from "../processes/readersTests.ts"

readersTests({ readers: 1_000, seconds: 120 })
