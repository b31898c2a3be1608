/** The app's managed identity. A bundle of its own, loaded at the first token: an app with keys never loads it. */
import { ManagedIdentityCredential } from "@azure/identity"

export const managedIdentity = (clientId: string | undefined) =>
  new ManagedIdentityCredential(clientId === undefined ? {} : { clientId })
