/**
 * The emulator as a command: arguments in, one JSON line out when it is ready.
 *
 * Prints one JSON line with `url`, `port`, `accessKey`, `connectionString` when it is ready, logs JSON lines to stderr
 * (`--log`), and ends on SIGTERM or SIGINT. With `--with-parent` it also ends when its standard input does, and takes
 * one JSON command a line from there, each answered by one line: `{"faults": {…}}`, `{"cut": true}`, `{"freeze": true}`,
 * `{"forget": true}`, `{"stats": true}`, `{"hub": "chat", "connections": true}`, `{"hub": "chat", "eventHandlers": […]}`.
 */
import { createInterface } from "node:readline"
import { parseArgs } from "node:util"
import { startEmulator } from "./emulator.ts"
import type { Emulator, EmulatorOptions } from "./emulator.ts"
import type { EventHandler, SystemEvent } from "./eventHandlers.ts"
import { setFaults } from "./faults.ts"

const USAGE = `Options:
  --port N                    default 0: any free port
  --host H                    default 127.0.0.1; anything but loopback needs --allow-remote
  --access-key K              default: random
  --event-handler HUB=URL     may repeat; {hub} and {event} in URL are replaced
  --user-events PATTERN       user events for the handlers: * (default), or a list a,b, or empty
  --system-events LIST        of connect,connected,disconnected; default none
  --recovery-millis N         how long a cut reliable connection is kept; default 30000
  --rest-delay-millis N       added to every REST call
  --with-parent               end with standard input, and take commands from there
  --log                       log to stderr
  --allow-remote, --allow-production`

/**
 * What `JSON.stringify` leaves as it is and a terminal or a reader of lines may obey: DEL, C1, the line separators of
 * Unicode, and what turns the direction of a line. Escaped, it is the same JSON.
 */
const OBEYED = /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g
const log = (line: unknown): void => {
  const text = JSON.stringify(line).replace(OBEYED, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)
  process.stderr.write(`${text}\n`)
}

const writeLine = (line: unknown): void => void process.stdout.write(`${JSON.stringify(line)}\n`)

class UsageError extends Error {
  override readonly name = "UsageError"
}

const wholeNumber = (name: string, text: string | undefined): number | undefined => {
  if (text === undefined) return undefined
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`--${name} must be a whole number`)
  return Number(text)
}

const SYSTEM_EVENTS: readonly string[] = ["connect", "connected", "disconnected"] satisfies SystemEvent[]

const readArguments = (args: readonly string[]) => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      port: { type: "string" },
      host: { type: "string" },
      "access-key": { type: "string" },
      "event-handler": { type: "string", multiple: true },
      "user-events": { type: "string" },
      "system-events": { type: "string" },
      "recovery-millis": { type: "string" },
      "rest-delay-millis": { type: "string" },
      "with-parent": { type: "boolean" },
      log: { type: "boolean" },
      "allow-remote": { type: "boolean" },
      "allow-production": { type: "boolean" }
    }
  })
  const systemEvents = (values["system-events"] ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "")
  const unknown = systemEvents.find((name) => !SYSTEM_EVENTS.includes(name))
  if (unknown !== undefined) throw new UsageError(`--system-events knows ${SYSTEM_EVENTS.join(", ")}, not "${unknown}"`)
  const hubs: Record<string, { eventHandlers: EventHandler[] }> = {}
  for (const text of values["event-handler"] ?? []) {
    const equals = text.indexOf("=")
    if (equals < 1) throw new UsageError("--event-handler must be HUB=URL")
    const urlTemplate = text.slice(equals + 1)
    const handler = {
      urlTemplate,
      userEventPattern: values["user-events"] ?? "*",
      systemEvents: systemEvents as SystemEvent[]
    }
    ;(hubs[text.slice(0, equals)] ??= { eventHandlers: [] }).eventHandlers.push(handler)
  }
  const port = wholeNumber("port", values.port)
  if (port !== undefined && port > 65_535) throw new UsageError("--port must be at most 65535")
  const recoveryMillis = wholeNumber("recovery-millis", values["recovery-millis"])
  const options: EmulatorOptions = {
    hubs,
    ...(port === undefined ? {} : { port }),
    ...(recoveryMillis === undefined ? {} : { recoveryMillis }),
    ...(values.host === undefined ? {} : { host: values.host }),
    ...(values["access-key"] === undefined ? {} : { accessKey: values["access-key"] }),
    ...(values["allow-remote"] === true ? { allowRemote: true } : {}),
    ...(values["allow-production"] === true ? { allowProduction: true } : {}),
    ...(values.log === true ? { log } : {})
  }
  return {
    options,
    restDelayMillis: wholeNumber("rest-delay-millis", values["rest-delay-millis"]) ?? 0,
    withParent: values["with-parent"] === true
  }
}

/** One command of the parent; the answer is its line. */
const command = async (emulator: Emulator, line: string): Promise<unknown> => {
  try {
    const wanted = JSON.parse(line) as Record<string, unknown>
    if (wanted["faults"] !== undefined) setFaults(emulator.faults, wanted["faults"] as Record<string, unknown>)
    const hub = typeof wanted["hub"] === "string" ? wanted["hub"] : undefined
    if (hub !== undefined && Array.isArray(wanted["eventHandlers"])) {
      await emulator.setEventHandlers(hub, wanted["eventHandlers"] as EventHandler[])
    }
    return {
      ok: true,
      ...(wanted["cut"] === true ? { cut: emulator.cut() } : {}),
      ...(wanted["freeze"] === true ? { frozen: emulator.freeze() } : {}),
      ...(wanted["forget"] === true ? { forgotten: emulator.forget() } : {}),
      ...(wanted["stats"] === true
        ? { stats: emulator.stats, cpu: process.cpuUsage(), rss: process.memoryUsage.rss() }
        : {}),
      ...(wanted["connections"] === true && hub !== undefined ? { connections: emulator.connections(hub) } : {})
    }
  } catch (cause) {
    return { ok: false, message: cause instanceof Error ? cause.message : "the command could not be read" }
  }
}

const run = async (args: readonly string[]): Promise<void> => {
  const { options, restDelayMillis, withParent } = readArguments(args)
  const emulator = await startEmulator(options)
  emulator.faults.restDelayMillis = restDelayMillis
  const end = (): void => void emulator.close().then(() => process.exit(0))
  process.once("SIGTERM", end)
  process.once("SIGINT", end)
  if (withParent) {
    const lines = createInterface({ input: process.stdin })
    lines.on("line", (line) => void command(emulator, line).then(writeLine))
    lines.on("close", end)
    // A parent that forked this process and went away without closing the pipe.
    process.once("disconnect", end)
  }
  const { url, port, accessKey, connectionString } = emulator
  writeLine({ url, port, accessKey, connectionString })
}

/** Runs until it is told to end. Wrong arguments print the usage and exit with 2, other failures with 1. */
export const runEmulatorCommand = (args: readonly string[]): Promise<void> =>
  run(args).catch((cause: unknown) => {
    const isUsage =
      cause instanceof UsageError || (cause as { code?: string }).code?.startsWith("ERR_PARSE_ARGS") === true
    process.stderr.write(
      `${cause instanceof Error ? cause.message : "the emulator could not start"}\n${isUsage ? `${USAGE}\n` : ""}`
    )
    process.exit(isUsage ? 2 : 1)
  })
