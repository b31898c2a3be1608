/** Options of the Azure blob store, checked when the layer is made: a wrong one is a `TypeError` that names it. */
import type { TokenCredential } from "@azure/core-auth"

export type StorageBlobsOptions =
  /** With an account key or a shared access signature. Secret. */
  (
    | { readonly connectionString: string }
    /** `https://ACCOUNT.blob.core.windows.net`, and a managed identity or any other token. */
    | { readonly url: string; readonly credential: TokenCredential }
  ) & {
    /** 3–63 of `[a-z0-9-]`. Made at the first put, if it is not there. Default `throughline`. */
    readonly container?: string
    /** Largest blob. Default 32 MiB. */
    readonly maxBytes?: number
    /** How long one operation may take, its one retry included. Default 30,000. */
    readonly timeoutMillis?: number
  }
/** The service takes 5,000 MiB at once; Node's buffers and this adapter far less. */
const MOST_BYTES = 256 * 1024 * 1024

export const checkSettings = (options: StorageBlobsOptions): void => {
  const { container = "throughline", maxBytes = 1, timeoutMillis = 1 } = options
  if ("connectionString" in options) {
    if (!/^UseDevelopmentStorage=true|(AccountKey|SharedAccessSignature)=[^;]/i.test(options.connectionString))
      throw new TypeError("connectionString must be that of a storage account: AccountName=…;AccountKey=…")
  } else if (!URL.canParse(options.url) || !/^https?:$/.test(new URL(options.url).protocol)) {
    throw new TypeError("url must be that of the account's blobs, such as https://ACCOUNT.blob.core.windows.net")
  }
  if (!/^(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*$/.test(container))
    throw new TypeError("container must be 3–63 lower-case letters and digits, with single dashes between them")
  if (!(maxBytes >= 1 && maxBytes <= MOST_BYTES))
    throw new TypeError(`maxBytes must be a number from 1 to ${MOST_BYTES}`)
  if (!(timeoutMillis >= 1)) throw new TypeError("timeoutMillis must be a number from 1")
}
