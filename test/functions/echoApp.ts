/** A functions app whose backend says what it was called with, or fails where the path or the job says so. */
import { app } from "@azure/functions"
import { mount } from "../../adapters/frameworks/azure-functions/mount.ts"

mount(
  app,
  {
    fetch: async (request) => {
      const { headers, method, url } = request
      if (url.includes("/fail/")) throw new Error("the store is away", { cause: new Error("connect ECONNREFUSED") })
      if (url.includes("/empty/")) return new Response(null, { status: 204, headers: { "x-empty": "yes" } })
      const body = Buffer.from(await request.arrayBuffer()).toString("base64")
      return Response.json(
        { method, url, body, header: headers.get("x-one"), type: headers.get("content-type") },
        { status: 201 }
      )
    },
    work: async (job, options) => {
      console.log(JSON.stringify({ job, millis: (options?.deadline?.getTime() ?? Number.NaN) - Date.now() }))
      if (job === "fail") throw new Error("the store is away")
    },
    sweep: () => Promise.reject(new Error("the store is away"))
  },
  { sweepSchedule: "0 * * * * *", connection: "OtherStorage" }
)
