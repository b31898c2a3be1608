/** Options of the Azure Tables log, checked when the layer is made: a wrong one is a `TypeError` that names it. */
import type { TokenCredential } from "@azure/core-auth"

export type TableConnection =
  /** With an account key or a shared access signature. Secret. */
  | { readonly connectionString: string }
  /** `https://ACCOUNT.table.core.windows.net`, and a managed identity or any other token. */
  | { readonly url: string; readonly credential: TokenCredential }

export interface TablesLogOptions {
  /** Letters and digits, 3 to 63, beginning with a letter. Default `throughline`. */
  readonly table?: string
  /** Creates the table at the first use, if it is not there. Default `true`. */
  readonly create?: boolean
  /** How long one request may take. Default 10,000. */
  readonly timeoutMillis?: number
}

export const checkSettings = (connection: TableConnection, options: TablesLogOptions): void => {
  const { table = "throughline", timeoutMillis = 1 } = options
  if ("connectionString" in connection) {
    if (!/^UseDevelopmentStorage=true|(AccountKey|SharedAccessSignature)=[^;]/i.test(connection.connectionString))
      throw new TypeError("connectionString must be that of a storage account: AccountName=…;AccountKey=…")
  } else if (!URL.canParse(connection.url) || !/^https?:$/.test(new URL(connection.url).protocol)) {
    throw new TypeError("url must be that of the account's tables, such as https://ACCOUNT.table.core.windows.net")
  }
  // the service keeps "tables" for itself
  if (!/^[A-Za-z][A-Za-z0-9]{2,62}$/.test(table) || /^tables$/i.test(table))
    throw new TypeError("table must be 3–63 letters and digits, beginning with a letter")
  if (!(timeoutMillis >= 1)) throw new TypeError("timeoutMillis must be a number from 1")
}
