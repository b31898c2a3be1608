/**
 * How files look: short, introduced by a header, named for what they hold, and speaking of this project alone.
 */
import { describe, expect, it } from "vitest"
import { filesBelow, isModule, read } from "./tree.ts"

const modules = ["src", "adapters", "functions", "examples"].flatMap(filesBelow).filter(isModule)

describe("files", () => {
  it("of src, adapters, functions and examples have at most 400 lines", () => {
    const long = modules.map((path) => ({ path, lines: read(path).split("\n").length - 1 }))
    expect(long.filter(({ lines }) => lines > 400)).toEqual([])
  })

  it("of src and adapters begin with a header that says what they hold", () => {
    const bare = modules.filter((path) => !/^(#!.*\n)?\/\*\*/.test(read(path)))
    expect(bare.filter((path) => /^(src|adapters)\//.test(path))).toEqual([])
  })

  it("are named for what they hold", () => {
    const vague = /(^|[-.])(utils?|helpers?|common|managers?|misc)([-.]|$)|(Utils?|Helpers?|Manager)\./
    expect(filesBelow(".").filter((path) => vague.test(path.split("/").at(-1) ?? ""))).toEqual([])
  })

  it("name no registry's host and no path of somebody's machine", () => {
    const hosts = ["registry\\.np" + "mjs", "registry\\.yarn" + "pkg", "deb\\.deb" + "ian", "pypi\\.o" + "rg"]
    const paths = ["/wo" + "rk/(main|sha" + "red|\\.lib)", "/home/[a-z]+/", "/ro" + "ot/", "/Us" + "ers/[A-Za-z]+/"]
    const foreign = new RegExp(`${hosts.join("|")}|(^|[\\s"'\`(=:])(${paths.join("|")})`, "m")
    const text =
      /\.(ts|tsx|mts|js|mjs|cjs|json|md|html|css|svg|yml|yaml|txt|sh)$|(^|\/)(run|LICENSE|\.[a-z]+(rc|ignore))$/
    expect(filesBelow(".").filter((path) => text.test(path) && foreign.test(read(path)))).toEqual([])
  })
})
