/**
 * The app's settings, read from the environment once and checked: what is missing or wrong says its name and what it
 * is for, and never its value. Names are those of the Functions host: `NAME` is a connection string, `NAME__…` connects
 * with the app's managed identity, and where both are there the connection string counts. Source:
 * learn.microsoft.com/azure/azure-functions/functions-reference#configure-an-identity-based-connection
 */
export interface Identity {
  /** Of a user-assigned identity. Absent: the app's own. */
  readonly clientId: string | undefined
}
export interface StorageUrls extends Identity {
  readonly tables: string
  readonly queues: string
  readonly blobs: string
}
export interface WebPubSubUrl extends Identity {
  readonly endpoint: string
  /** Takes the place of the key that the gateway's secrets are made from otherwise. */
  readonly secret: string
  /** While the secret changes: the one of before or after. */
  readonly otherSecret: string | undefined
}
export interface WebPubSubKeys {
  readonly connectionString: string
  /** That of the resource's other key, so that either can be regenerated. */
  readonly otherConnectionString: string | undefined
}
export interface Settings {
  readonly webPubSub: { readonly hub: string } & (WebPubSubKeys | WebPubSubUrl)
  readonly storage: { readonly connectionString: string } | StorageUrls
  readonly queueName: string
  readonly table: string
  readonly container: string
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

/** Of queues and containers. */
const STORAGE_NAME = /^(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*$/

const has = (name: string): boolean => Boolean(process.env[name])
const read = ({ like, name, otherwise, what }: Setting): string => {
  const value = process.env[name] || otherwise
  if (value === undefined) throw new Error(`the app setting ${name} is missing: ${what}`)
  if (!like.test(value)) throw new Error(`the app setting ${name} is not right: ${what}`)
  return value
}

const readOptional = (setting: Setting): string | undefined => (has(setting.name) ? read(setting) : undefined)

/** Known before the rest: the app cannot be registered without it. */
export const queueName = (): string => process.env["THROUGHLINE_QUEUE"] || "throughline-jobs"

/** Throws an error that names the setting. */
export const readSettings = (): Settings => ({
  webPubSub: {
    ...readWebPubSub(),
    hub: read({
      name: "WebPubSubHub",
      what: "1–128 letters, digits or _ ` , . [ ], beginning with a letter",
      like: /^[A-Za-z][A-Za-z0-9_`,.[\]]{0,127}$/,
      otherwise: "agents"
    })
  },
  storage: readStorage(),
  queueName: read({
    name: "THROUGHLINE_QUEUE",
    what: "3–63 lower-case letters and digits, with single dashes between them",
    like: STORAGE_NAME,
    otherwise: queueName()
  }),
  table: read({
    name: "THROUGHLINE_TABLE",
    what: "3–63 letters and digits, beginning with a letter",
    like: /^[A-Za-z][A-Za-z0-9]{2,62}$/,
    otherwise: "throughline"
  }),
  container: read({
    name: "THROUGHLINE_CONTAINER",
    what: "3–63 lower-case letters and digits, with single dashes between them",
    like: STORAGE_NAME,
    otherwise: "throughline"
  }),
  access: readAccess(),
  origins: (process.env["THROUGHLINE_ORIGINS"] ?? "")
    .split(",")
    .map((origin) => origin.trim())
    .filter((origin) => origin !== "")
})

const SECRET = /^.{32,}$/s
const HTTPS = /^https:\/\/[^\s/?#@]+(\/[^\s?#]*)?$/

const readIdentity = (prefix: string): Identity => {
  read({
    name: `${prefix}__credential`,
    what: '"managedidentity", or absent',
    like: /^managedidentity$/i,
    otherwise: "managedidentity"
  })
  return {
    clientId: readOptional({
      name: `${prefix}__clientId`,
      what: "the client id of a user-assigned identity",
      like: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
    })
  }
}

const readWebPubSub = (): WebPubSubKeys | WebPubSubUrl => {
  const name = "WebPubSubConnectionString"
  if (has(name) || !has(`${name}__serviceUri`)) {
    const what =
      `the connection string of the Web PubSub resource, Endpoint=…;AccessKey=…, ` +
      `or ${name}__serviceUri for the app's managed identity`
    const like = /^(?=.*endpoint=[^;])(?=.*accesskey=[^;])/i
    return {
      connectionString: read({ name, what, like }),
      otherConnectionString: readOptional({
        name: "WebPubSubOtherConnectionString",
        what: "the same with the resource's other key, or absent",
        like
      })
    }
  }
  return {
    endpoint: read({
      name: `${name}__serviceUri`,
      what: "the URL of the Web PubSub resource, https://NAME.webpubsub.azure.com",
      like: HTTPS
    }),
    secret: read({
      name: "THROUGHLINE_SECRET",
      what: "at least 32 random characters, the same in every instance; with a managed identity there is no key to take instead",
      like: SECRET
    }),
    otherSecret: readOptional({
      name: "THROUGHLINE_OTHER_SECRET",
      what: "at least 32 random characters, or absent",
      like: SECRET
    }),
    ...readIdentity(name)
  }
}

const readStorage = (): { readonly connectionString: string } | StorageUrls => {
  const name = "AzureWebJobsStorage"
  const ofService = (service: string) => `${name}__${service}ServiceUri`
  const named = [`${name}__accountName`, ...["table", "queue", "blob"].map(ofService)]
  if (has(name) || !named.some(has)) {
    const what =
      "the connection string of the storage account that holds threads, jobs and blobs, AccountName=…;AccountKey=…, " +
      `or ${name}__accountName for the app's managed identity`
    const like = /^usedevelopmentstorage=true|^(?=.*accountname=[^;])(?=.*accountkey=[^;])|sharedaccesssignature=[^;]/i
    return { connectionString: read({ name, what, like }) }
  }
  const account = has(`${name}__accountName`)
    ? read({
        name: `${name}__accountName`,
        what: "the name of the storage account, 3–24 lower-case letters and digits",
        like: /^[a-z0-9]{3,24}$/
      })
    : undefined
  const url = (service: string) =>
    read({
      name: ofService(service),
      what: `the URL of the account's ${service} service, https://ACCOUNT.${service}.core.windows.net, or ${name}__accountName`,
      like: HTTPS,
      ...(account === undefined ? {} : { otherwise: `https://${account}.${service}.core.windows.net` })
    }).replace(/\/+$/, "")
  return { tables: url("table"), queues: url("queue"), blobs: url("blob"), ...readIdentity(name) }
}

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
