import * as Effect from "effect/Effect"
import { expect, it } from "vitest"
import { checkPostMessage } from "../../src/protocol/guardRequest.ts"
import { MAX_REQUEST_BYTES } from "../../src/protocol/Limits.ts"
import { readBody } from "../../src/server/body.ts"

it("a body that says nothing of its size is read no further than the limit", async () => {
  let sent = 0
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      if (sent > 100 * MAX_REQUEST_BYTES) return controller.close()
      sent += 8_192
      controller.enqueue(new Uint8Array(8_192).fill(32))
    }
  })
  const headers = { "content-type": "application/json" }
  const init: RequestInit & { duplex: "half" } = { method: "POST", headers, body: endless, duplex: "half" }
  const read = readBody(new Request("http://backend.test/", init), checkPostMessage)
  expect(await Effect.runPromise(Effect.flip(read))).toMatchObject({ code: "TOO_LARGE", limit: MAX_REQUEST_BYTES })
  expect(sent).toBeLessThan(2 * MAX_REQUEST_BYTES)
})
