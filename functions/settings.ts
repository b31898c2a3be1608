/**
 * The app's settings, read from the environment once and checked: what is missing or wrong says its name and what it
 * is for, and never its value.
 */
export interface Settings {
  readonly webPubSub: { readonly connectionString: string; readonly hub: string }
  readonly storage: string
  readonly queueName: string
  readonly table: string
  readonly access: "easy-auth" | "development"
  readonly origins: readonly string[]
}
interface Setting {
  readonly name: string
  readonly what: string
  /** What a right value looks like, as far as can be told without asking the service. */
  readonly like: RegExp
  /** Absent: the setting is required. */
  readonly otherwise?: string
}

const read = ({ like, name, otherwise, what }: Setting): string => {
  const value = process.env[name] || otherwise
  if (value === undefined) throw new Error(`the app setting ${name} is missing: ${what}`)
  if (!like.test(value)) throw new Error(`the app setting ${name} is not right: ${what}`)
  return value
}

/** Known before the rest: the app cannot be registered without it, and the host says when it is wrong. */
export const queueName = (): string => process.env["THROUGHLINE_QUEUE"] || "throughline-jobs"

/** Throws an error that names the setting. */
export const readSettings = (): Settings => ({
  webPubSub: {
    connectionString: read({
      name: "WebPubSubConnectionString",
      what: "the connection string of the Web PubSub resource, Endpoint=…;AccessKey=…",
      like: /^(?=.*endpoint=[^;])(?=.*accesskey=[^;])/i
    }),
    hub: read({
      name: "WebPubSubHub",
      what: "1–128 letters, digits or _ ` , . [ ], beginning with a letter",
      like: /^[A-Za-z][A-Za-z0-9_`,.[\]]{0,127}$/,
      otherwise: "agents"
    })
  },
  storage: read({
    name: "AzureWebJobsStorage",
    what: "the connection string of the storage account that holds threads and jobs, AccountName=…;AccountKey=…",
    like: /^usedevelopmentstorage=true|^(?=.*accountname=[^;])(?=.*accountkey=[^;])|sharedaccesssignature=[^;]/i
  }),
  queueName: queueName(),
  table: read({
    name: "THROUGHLINE_TABLE",
    what: "3–63 letters and digits, beginning with a letter",
    like: /^[A-Za-z][A-Za-z0-9]{2,62}$/,
    otherwise: "throughline"
  }),
  access: readAccess(),
  origins: (process.env["THROUGHLINE_ORIGINS"] ?? "")
    .split(",")
    .map((origin) => origin.trim())
    .filter((origin) => origin !== "")
})

/** Nobody gets in unless it is said how: by App Service authentication, or everyone on a developer's machine. */
const readAccess = (): Settings["access"] => {
  const access = read({
    name: "THROUGHLINE_ACCESS",
    what: '"easy-auth" (App Service authentication), or "development" on your machine',
    like: /^(easy-auth|development)$/
  })
  if (access === "easy-auth") {
    // the platform removes forged headers only while its authentication is on
    if (process.env["WEBSITE_AUTH_ENABLED"]?.toLowerCase() === "true") return access
    throw new Error("THROUGHLINE_ACCESS is easy-auth, but App Service authentication is off for this app: turn it on")
  }
  if (process.env["AZURE_FUNCTIONS_ENVIRONMENT"] === "Development") return "development"
  throw new Error("THROUGHLINE_ACCESS is development, which lets everyone in; it works only under `func start`")
}
