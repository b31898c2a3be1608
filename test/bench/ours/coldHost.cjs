/**
 * A functions host in small: provides `@azure/functions-core`, loads an app's main, and calls its function `threads`
 * once, through the programming model that the app has set, as the real host does.
 *
 *     node coldHost.cjs MAIN
 *
 * Prints one line of JSON: the functions' names, when they were registered, when the call was answered, and its status.
 */
const Module = require("node:module")

const functions = new Map()
let model
const core = {
  version: "1.0.0",
  hostVersion: "4.1040.0",
  workerVersion: "3.12.0",
  setProgrammingModel: (set) => (model = set),
  getProgrammingModel: () => model,
  registerFunction: (metadata, callback) => {
    functions.set(metadata.name, { metadata, callback })
    return new core.Disposable(() => {})
  },
  registerHook: () => new core.Disposable(() => {}),
  log: () => {},
  Disposable: class {
    constructor(dispose) {
      this.dispose = dispose
    }
  }
}
const load = Module._load
Module._load = (request, ...rest) => (request === "@azure/functions-core" ? core : load(request, ...rest))
const clock = () => performance.timeOrigin + performance.now()

const call = async ({ metadata, callback }) => {
  const { name } = Object.entries(metadata.bindings)
    .map(([key, binding]) => ({ name: key, ...binding }))
    .find(({ type }) => type.toLowerCase() === "httptrigger")
  const http = { method: "GET", url: "http://127.0.0.1:7071/api/threads/one/view", headers: {}, query: {}, params: {} }
  const request = { invocationId: "1", inputData: [{ name, data: { http } }], triggerMetadata: {} }
  const context = { invocationId: "1", metadata, request, log: () => {}, state: undefined }
  const invocation = model.getInvocationModel(context)
  const { context: given, inputs } = await invocation.getArguments()
  const result = await invocation.invokeFunction(given, inputs, callback)
  const { returnValue } = await invocation.getResponse(given, result)
  return Number(returnValue.http.statusCode)
}

const main = async () => {
  require(process.argv[2])
  const registeredAt = clock()
  const names = [...functions.keys()]
  const status = await call(functions.get("threads"))
  const answeredAt = clock()
  process.stdout.write(JSON.stringify({ functions: names, registeredAt, answeredAt, status }), () => process.exit(0))
}
void main()
