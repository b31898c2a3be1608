/**
 * A functions host in small: loads bundles with the host's module in place and prints how many milliseconds after the
 * process began that was done. With a second bundle, what the first call loads is in there and loaded at once.
 *
 *     node coldStart.cjs BUNDLE [BUNDLE]
 */
const Module = require("node:module")

let functions = 0
const core = {
  version: "1.0.0",
  hostVersion: "4.0.0",
  workerVersion: "3.0.0",
  setProgrammingModel: () => {},
  getProgrammingModel: () => undefined,
  registerFunction: () => functions++,
  registerHook: () => ({ dispose: () => {} }),
  log: () => {},
  Disposable: class {
    dispose() {}
  }
}
const load = Module._load
Module._load = (request, ...rest) => (request === "@azure/functions-core" ? core : load(request, ...rest))

for (const bundle of process.argv.slice(2)) require(bundle)
process.stdout.write(JSON.stringify({ millis: performance.now(), functions }))
process.exit(0)
