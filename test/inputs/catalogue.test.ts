/** The table is whole: every input of the catalogue has its row, and every test that a row refers to is there. */
import { describe, expect, it } from "vitest"
import { testsIn } from "./proofs.ts"
import { rows, unlike } from "./table.ts"

/** The ids of the catalogue of bad inputs. */
const CATALOGUE =
  "1 2 4 5 7 8 10 11 13 14 16 17 19 20 22 23 25 26 28 29 31 32 34 35 37 38 40 41 43 44 46 47 49 50 52 53 55 56 58 59 61 62 64 65 67 68 70 71 73 74 76 77 79 80 82 83 85 86 88 89 91 92 94 95 97 98 100 101 103 104 106 107 109 110 112"
    .split(" ")
    .map((number) => `B${number.padStart(2, "0")}`)

describe("the table of bad inputs", () => {
  it("has every input of the catalogue, or says why not", () => {
    const known = new Set([...rows, ...unlike].map(({ id }) => id))
    expect(CATALOGUE.filter((id) => !known.has(id))).toEqual([])
  })

  it("names each input once for each surface", () => {
    const names = rows.map(({ id, input, surface }) => `${surface} ${id} ${input}`)
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([])
  })

  it("refers to tests that are there", () => {
    const missing = rows.flatMap(({ check, id }) =>
      typeof check === "function" || testsIn(check.file).includes(check.test)
        ? []
        : [`${id}: ${check.file}: ${check.test}`]
    )
    expect(missing).toEqual([])
  })
})
