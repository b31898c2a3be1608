import { defineConfig } from "vitest/config"

// `import "throughline"` means src here, not dist. A name of our own: other packages have a condition called `source`.
const conditions = ["throughline-source", "node", "development|production"]

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ["test/**/*.test.{ts,tsx}"],
    // `npm run test:long`: what takes long, or the whole machine
    exclude: [
      "**/node_modules/**",
      ...(process.env["THROUGHLINE_LONG"] === "1" ? [] : ["test/long/**", "test/processes/**", "test/simulation/**"])
    ],
    testTimeout: 30_000,
    hookTimeout: 60_000
  }
})
