/** The threats of docs/security.md: what could be done, what stands in its way by default, and the tests that say so. */
export interface Threat {
  readonly id: string
  readonly threat: string
  readonly control: string
  /** Files, each with a part of the name of a test in it. */
  readonly tests: readonly (readonly [file: string, names: string])[]
}

export const THREATS: readonly Threat[] = [
  {
    id: "T1",
    threat: "A forged webhook: the service's signature covers only the connection's id",
    control:
      "four locks, each required: key in the URL, signature in constant time over at most 4 candidates, time within 5 minutes, and our own seal of the principal, bound to the connection",
    tests: [
      ["test/security/webhooks.test.ts", "of forged webhooks none is accepted"],
      ["test/security/keys.test.ts", "refuses nothing that comes over a connection of before"],
      ["test/adapters/gateways/azure-upstream.test.ts", "refuses signatures (B73, B74)"],
      ["test/adapters/gateways/azure-upstream.test.ts", "refuses a replaced body or event"],
      ["test/adapters/gateways/ws.test.ts", "takes a signed call, and refuses one that is unsigned"]
    ]
  },
  {
    id: "T2",
    threat: "Interrupting in another's name",
    control:
      "who sends comes from the verified request or the sealed connection, never from a body; `authorize` has no default",
    tests: [
      ["test/security/access.test.ts", "every person, thread and verb"],
      ["test/inputs/rows/interrupt.ts", "B103"],
      ["test/adapters/gateways/azure-upstream.test.ts", "refuses an event whose user was swapped"]
    ]
  },
  {
    id: "T3",
    threat: "Another site's page uses a visitor's rights",
    control: "no cookies; tokens in headers; JSON bodies only; an allow-list of origins, empty by default; no `*`",
    tests: [
      ["test/security/tokens.test.ts", "another site's page"],
      ["test/inputs/rows/http.ts", "B65"],
      ["test/adapters/gateways/ws.test.ts", "lets in only browsers of the origins it was given"],
      ["test/adapters/gateways/sse.test.ts", "lets pages of listed origins in"]
    ]
  },
  {
    id: "T4",
    threat: "A confused token, or one that may do more than watch",
    control:
      "one pinned algorithm, audience and use for each token of ours; grants carry groups and no roles, for at most 5 minutes",
    tests: [
      ["test/security/tokens.test.ts", "a connection's token"],
      ["test/emulator/tokens.test.ts", "that is wrong in any way is refused with 401 and opens nothing"],
      ["test/adapters/gateways/azure-upstream.test.ts", "asks the client for no roles"]
    ]
  },
  {
    id: "T5",
    threat: "A browser publishes what looks like an agent's events",
    control: "clients never get the right to publish; what a client published is dropped by receivers",
    tests: [["test/adapters/gateways/azure-client.test.ts", "drops what another client published"]]
  },
  {
    id: "T6",
    threat: "An approval for something else than what was shown, or used twice",
    control: "held by the server, bound to a digest, decided once, checked again where the tool runs; expires closed",
    tests: [
      ["test/thread/decideInterrupt.test.ts", "refuses an answer to something else than what was shown"],
      ["test/thread/decideInterrupt.test.ts", "refuses an answer that comes too late"],
      ["test/agent/asks.test.ts", "is used once, and only for what was approved"],
      ["test/trials/trials.test.ts", "refuse every approval with one thing changed"]
    ]
  },
  {
    id: "T7",
    threat: "A patch or a key reaches a prototype",
    control: "own applier on immutable values; `__proto__` and `constructor.prototype` are refused before any effect",
    tests: [
      ["test/security/sinks.test.ts", "with a frozen Object.prototype"],
      ["test/thread/patch.test.ts", "never reaches a prototype"],
      ["test/inputs/rows/bodies.ts", "B08"]
    ]
  },
  {
    id: "T8",
    threat: "A damaged or altered log is served as if it were whole",
    control: "checksums and density are checked by every read; the thread is not served (`STORE_CORRUPT`)",
    tests: [["test/adapters/logs/sqlite.damage.test.ts", ""]]
  },
  {
    id: "T9",
    threat: "“I never did that”",
    control:
      "verdicts and decisions are entries with the verified person and the store's time; erasing leaves its own entry",
    tests: [
      ["test/security/retention.test.ts", "leaves nothing of the content anywhere"],
      ["test/thread/decideInterrupt.test.ts", "gives the same id the same verdict"]
    ]
  },
  {
    id: "T10",
    threat: "Text that forges a log line or steers a terminal",
    control: "every log line passes the redactor: control characters are escaped, a line is one line",
    tests: [
      ["test/security/redaction.test.ts", "keeps a text on one line and harmless for a terminal"],
      ["test/emulator/process.test.ts", "logs lines that a terminal cannot obey"],
      ["test/cli/child.test.ts", "one harmless line each"]
    ]
  },
  {
    id: "T11",
    threat: "Reading a foreign thread by guessing its name, its group or a run's id",
    control:
      "rights are asked on every call; the tenant is part of every key; group names are an HMAC and change by `revoke`",
    tests: [
      ["test/security/access.test.ts", "every person, thread and verb"],
      ["test/security/revoke.test.ts", "the revoked one sees nothing more and cannot replay"]
    ]
  },
  {
    id: "T12",
    threat: "Tokens and keys in logs, traces and errors",
    control:
      "one redactor in front of the application's loggers and tracer, and for what the Promise face rejects with",
    tests: [
      ["test/security/redaction.test.ts", "puts no secret into a log line, a span, an error or an answer"],
      ["test/adapters/gateways/azure-client.test.ts", "repeats no token when it cannot connect"]
    ]
  },
  {
    id: "T13",
    threat: "Everyone who watches sees a tool's inner results",
    control: "results are private notes unless an agent shows them; `redact` runs once per event, before the append",
    tests: [["test/security/sinks.test.ts", "what `redact` takes out is nowhere"]]
  },
  {
    id: "T14",
    threat: "Rendered text of a model runs or calls home",
    control: "nothing of ours renders HTML; texts are data",
    tests: [["test/security/sinks.test.ts", "no file has a sink for HTML"]]
  },
  {
    id: "T15",
    threat: "Telling from an answer whether a foreign thread exists",
    control:
      "the same status, headers and bytes for what is not there and what may not be seen; rights are asked before any read",
    tests: [["test/security/access.test.ts", "a thread that is not there and one that is not theirs"]]
  },
  {
    id: "T16",
    threat: "A flood of requests, frames or connections",
    control:
      "budgets per principal and kind, on by default; frame and invoke caps in gateways; connections are the gateway's to limit",
    tests: [
      ["test/security/limits.test.ts", "of requests is answered 429"],
      ["test/security/limits.test.ts", "over a socket is answered as a successful call"]
    ]
  },
  {
    id: "T17",
    threat: "Input that is huge, deep or many",
    control: "bytes, depth and members are counted before any work; no compression on sockets",
    tests: [
      ["test/inputs/rows/bodies.ts", "B11"],
      ["test/inputs/rows/bodies.ts", "B13"],
      ["test/security/tokens.test.ts", "a token of a megabyte"]
    ]
  },
  {
    id: "T18",
    threat: "One bad message ends the process",
    control: "nothing thrown leaves a socket's or a request's handler",
    tests: [
      ["test/emulator/clientFrames.test.ts", "of random bytes never stops the emulator"],
      ["test/adapters/gateways/azure-client.test.ts", "survives messages that are not of the protocol"]
    ]
  },
  {
    id: "T19",
    threat: "A reader who does not read fills the memory",
    control: "unsent bytes are bounded; beyond that the client is cut and resumes from the log",
    tests: [
      ["test/adapters/gateways/ws.test.ts", "cuts a client that does not read"],
      ["test/adapters/gateways/sse.test.ts", "cuts a client that does not read"]
    ]
  },
  {
    id: "T20",
    threat: "All reconnect at once, or ask for a huge log with tiny requests",
    control: "full jitter; pages of at most 1 MiB; a budget of replayed bytes per principal",
    tests: [
      ["test/security/limits.test.ts", "lets one answer overdraw what may be read"],
      ["test/client/connection.test.ts", "reconnecting"]
    ]
  },
  {
    id: "T21",
    threat: "A flood of steers, or asks that stay open for ever",
    control: "32 open interrupts a run, a budget per sender; every ask expires",
    tests: [
      ["test/security/limits.test.ts", "of 10,000 steers is cut twice"],
      ["test/thread/decideInterrupt.test.ts", "refuses an ask whose expiry is not a time to come"]
    ]
  },
  {
    id: "T22",
    threat: "Runs that cost money are started by who should not",
    control: "starts need a right and a budget; `admit` is the application's quota and fails closed",
    tests: [["test/security/limits.test.ts", "is asked for each start that is allowed and well-formed"]]
  },
  {
    id: "T23",
    threat: "The backend is made to fetch an address",
    control: "the backend fetches nothing that a request names: it has no callback URLs and opens no links",
    tests: [["test/security/sinks.test.ts", "asks no host that a request named"]]
  },
  {
    id: "T24",
    threat: "A dependency turns bad",
    control: "five or fewer, pinned exactly, locked, without install scripts",
    tests: [
      ["test/repository/dependencies.test.ts", "with install scripts are reviewed"],
      ["test/repository/dependencies.test.ts", "are pinned exactly"],
      ["test/security/sinks.test.ts", "at most five libraries"]
    ]
  },
  {
    id: "T25",
    threat: "A laptop's gateway is reached from elsewhere, or runs in production",
    control: "loopback only and a random key at each start; production and other addresses need a flag",
    tests: [
      ["test/emulator/process.test.ts", "is refused beyond loopback"],
      ["test/emulator/process.test.ts", "makes another key each time"],
      ["test/security/sinks.test.ts", "refuses to start in production"]
    ]
  },
  {
    id: "T26",
    threat: "A client brings its own history, tools or state",
    control: "clients can post messages, start runs and interrupt them; fields beyond these are left out",
    tests: [["test/inputs/rows/interrupt.ts", "B103"]]
  }
]

/** The rows of docs/security.md. */
export const threatTable = (): string =>
  [
    "| | threat | control, on by default | tests |",
    "| --- | --- | --- | --- |",
    ...THREATS.map(
      ({ control, id, tests, threat }) =>
        `| ${id} | ${threat} | ${control} | ${[...new Set(tests.map(([file]) => `\`${file}\``))].join(", ")} |`
    )
  ].join("\n")
