import { readersTests } from "./readersTests.ts"

readersTests({ readers: 200, seconds: 8 })
