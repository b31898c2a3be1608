/**
 * What the client costs a page.
 */
import { measureClient } from "../../../scripts/size.ts"
import { atMost, table, type Part } from "../report.ts"

export const size: Part = {
  name: "size",
  title: "Client size",
  run: async () => {
    const sizes = await measureClient()
    return {
      markdown: table(
        ["minified and gzipped", "bytes", "limit"],
        sizes.map(({ name, bytes, limitBytes }) => [name, String(bytes), String(limitBytes)])
      ),
      bounds: sizes.map(({ name, bytes, limitBytes }) => atMost(`${name}, bytes`, bytes, limitBytes))
    }
  }
}
