/**
 * What a page loads: the client, its React hooks and the gateways' client halves, bundled for a browser.
 */
import { describe, expect, it } from "vitest"
import { bundleForBrowser, measureClient } from "../../scripts/size.ts"
import { filesBelow } from "./tree.ts"

const gateways = filesBelow("adapters/gateways").filter((path) => path.endsWith("/client.ts"))

describe("the client's bundle", () => {
  it("holds neither Effect nor anything of Node", async () => {
    const { code, inputs } = await bundleForBrowser(["src/client/index.ts", "src/react/index.ts", ...gateways])
    expect(inputs.filter((path) => path.includes("node_modules/effect/"))).toEqual([])
    expect(inputs.filter((path) => /^src\/(server|agent|writer|ports|protocol\/schema)\//.test(path))).toEqual([])
    expect(new TextDecoder().decode(code)).not.toMatch(/["']node:/)
  })

  it("is as small as promised", async () => {
    const sizes = await measureClient()
    expect(sizes.filter(({ bytes, limitBytes }) => bytes > limitBytes)).toEqual([])
  })
})
