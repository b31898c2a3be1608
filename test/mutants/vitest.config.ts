/** The tests' configuration with one planted fault: that whose name THROUGHLINE_MUTANT is. Nothing on disk changes. */
import { fileURLToPath } from "node:url"
import { defineConfig, mergeConfig, type Plugin } from "vitest/config"
import base from "../../vitest.config.ts"
import { mutants } from "./mutants.ts"
import { plant } from "./plant.ts"

const name = process.env["THROUGHLINE_MUTANT"]
const mutant = mutants.find((one) => one.name === name)
if (name !== undefined && mutant === undefined) throw new Error(`there is no mutant "${name}"`)
const root = fileURLToPath(new URL("../..", import.meta.url))
const isPlanted = (id: string) => mutant !== undefined && id.split("?")[0] === root + mutant.file

const planting: Plugin = {
  name: "plant a mutant",
  enforce: "pre",
  // a file that was changed must neither come from the cache of transformed files nor go into it
  configureVitest: ({ defineCacheKeyGenerator }) => defineCacheKeyGenerator(({ id }) => (isPlanted(id) ? false : null)),
  transform: (code, id) => {
    if (mutant === undefined || !isPlanted(id)) return null
    console.error(`planted: ${mutant.name}`)
    return plant(mutant, code)
  }
}

export default mergeConfig(
  base,
  defineConfig({
    root,
    plugins: [planting],
    // threads end with their process, also one in an endless loop
    test: { fileParallelism: false, pool: "threads" }
  })
)
