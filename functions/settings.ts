/**
 * The app's settings, read from the environment once and checked: a missing one says its name and what it is for.
 */
export interface Settings {
  readonly webPubSub: { readonly connectionString: string; readonly hub: string }
  readonly storage: string
  readonly queueName: string
  readonly table: string
  readonly access: "easy-auth" | "development"
  readonly origins: readonly string[]
}

const required = (name: string, what: string): string => {
  const value = process.env[name]
  if (value === undefined || value === "") throw new Error(`the app setting ${name} is missing: ${what}`)
  return value
}

export const readSettings = (): Settings => ({
  webPubSub: {
    connectionString: required("WebPubSubConnectionString", "the connection string of the Web PubSub resource"),
    hub: process.env["WebPubSubHub"] ?? "agents"
  },
  storage: required("AzureWebJobsStorage", "the connection string of the storage account that holds threads and jobs"),
  queueName: process.env["THROUGHLINE_QUEUE"] ?? "throughline-jobs",
  table: process.env["THROUGHLINE_TABLE"] ?? "throughline",
  access: readAccess(),
  origins: (process.env["THROUGHLINE_ORIGINS"] ?? "").split(",").filter((origin) => origin !== "")
})

/** Nobody gets in unless it is said how: by App Service authentication, or everyone on a developer's machine. */
const readAccess = (): Settings["access"] => {
  const access = required("THROUGHLINE_ACCESS", '"easy-auth" (App Service authentication), or "development" on your machine')
  if (access === "easy-auth") {
    // the platform removes forged headers only while its authentication is on
    if (process.env["WEBSITE_AUTH_ENABLED"]?.toLowerCase() === "true") return access
    throw new Error("THROUGHLINE_ACCESS is easy-auth, but App Service authentication is off for this app: turn it on")
  }
  if (access === "development") {
    if (process.env["AZURE_FUNCTIONS_ENVIRONMENT"] === "Development") return access
    throw new Error("THROUGHLINE_ACCESS is development, which lets everyone in; it works only under `func start`")
  }
  throw new Error(`THROUGHLINE_ACCESS is neither "easy-auth" nor "development"`)
}
