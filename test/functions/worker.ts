/**
 * The Node worker of the Azure Functions host, in small: `node worker.ts FOLDER`, driven over IPC by `host.ts`.
 *
 * Puts the module `@azure/functions-core` in place, which in Azure the worker provides, loads what package.json calls
 * `main`, and calls functions through the library's own invocation model. What the app loads besides is recorded.
 */
import { readFileSync } from "node:fs"
import Module, { createRequire } from "node:module"
import { join, relative } from "node:path"

export interface Metadata {
  readonly name: string
  readonly bindings: Readonly<Record<string, Readonly<Record<string, unknown>> & { readonly type: string }>>
}
export interface TypedData {
  readonly string?: string
  readonly json?: string
  readonly http?: object
}
export interface Call {
  readonly id: number
  readonly name: string
  /** By name of binding. */
  readonly inputs: Readonly<Record<string, TypedData>>
}
interface HttpAnswer {
  readonly statusCode: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: { readonly bytes?: Uint8Array; readonly string?: string } | null
}
export interface Answer {
  readonly id: number
  readonly returnValue?: { readonly http?: HttpAnswer } | null
  /** What the function threw. */
  readonly error?: string
  /** What it wrote to the context's log, as `level: text`. */
  readonly logs: readonly string[]
}
export interface Loaded {
  readonly functions: readonly Metadata[]
  /** What the app asked Node for, with the answer of the core module left out. */
  readonly required: readonly string[]
  /** Files of the app that Node has loaded until now, relative to its folder. */
  readonly files: readonly string[]
  readonly warnings: readonly string[]
  /** From before `main` was loaded until its functions were registered. */
  readonly loadMillis: number
}
interface Context {
  readonly invocationId: string
  readonly request: { readonly inputData: readonly { readonly name: string; readonly data: TypedData }[] }
  readonly metadata: Metadata
  readonly log: (level: string, category: string, message: string) => void
}
interface InvocationModel {
  getArguments: () => Promise<{ context: unknown; inputs: unknown[] }>
  invokeFunction: (context: unknown, inputs: unknown[], callback: unknown) => Promise<unknown>
  getResponse: (context: unknown, result: unknown) => Promise<Pick<Answer, "returnValue">>
}
class Disposable {
  readonly dispose: () => void
  constructor(dispose: () => void = () => {}) {
    this.dispose = dispose
  }
}

const folder = process.argv[2] ?? ""
const functions = new Map<string, { readonly metadata: Metadata; readonly callback: unknown }>()
const required = new Set<string>()
const warnings: string[] = []
let model: { getInvocationModel: (context: Context) => InvocationModel } | undefined

const core = {
  version: "1.0.0",
  hostVersion: "4.1042.0",
  workerVersion: "3.10.0",
  setProgrammingModel: (given: typeof model) => void (model = given),
  getProgrammingModel: () => model,
  registerFunction: (metadata: Metadata, callback: unknown) => {
    functions.set(metadata.name, { metadata, callback })
    return new Disposable(() => functions.delete(metadata.name))
  },
  registerHook: () => new Disposable(),
  log: () => {},
  Disposable
}
const hooked = Module as unknown as {
  _load: (request: string, parent: { filename?: string } | undefined, isMain: boolean) => unknown
  readonly _cache: Readonly<Record<string, unknown>>
}
const load = hooked._load
hooked._load = (request, parent, isMain) => {
  if (request === "@azure/functions-core") return core
  if (parent?.filename?.startsWith(folder)) required.add(request)
  return load(request, parent, isMain)
}
console.warn = (...args: unknown[]) => void warnings.push(args.join(" "))

const answer = async ({ id, inputs, name }: Call): Promise<Answer> => {
  const logs: string[] = []
  try {
    const found = functions.get(name)
    if (found === undefined || model === undefined) throw new Error(`there is no function ${name}`)
    const invocation = model.getInvocationModel({
      invocationId: `invocation-${id}`,
      request: { inputData: Object.entries(inputs).map(([binding, data]) => ({ name: binding, data })) },
      metadata: found.metadata,
      log: (level, _category, message) => void logs.push(`${level}: ${message}`)
    })
    const { context, inputs: args } = await invocation.getArguments()
    const result = await invocation.invokeFunction(context, args, found.callback)
    const { returnValue } = await invocation.getResponse(context, result)
    return { id, returnValue: returnValue ?? null, logs }
  } catch (error) {
    return { id, error: error instanceof Error ? error.message : String(error), logs }
  }
}

const began = performance.now()
const { main } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { readonly main: string }
createRequire(join(folder, "package.json"))(join(folder, main))
const loadMillis = performance.now() - began
process.on("message", (message: Call | "loaded") => {
  if (message !== "loaded") return void answer(message).then((answered) => process.send?.(answered))
  const loaded: Loaded = {
    functions: [...functions.values()].map(({ metadata }) => metadata),
    required: [...required].sort(),
    files: Object.keys(hooked._cache)
      .filter((path) => path.startsWith(folder))
      .map((path) => relative(folder, path))
      .sort(),
    warnings,
    loadMillis
  }
  process.send?.(loaded)
})
process.on("disconnect", () => process.exit(0))
