/**
 * Who calls this app. Each user is a tenant of their own: they see their threads and nobody else's.
 */
import { createHash } from "node:crypto"
import type { Principal } from "throughline"
import type { Settings } from "./settings.ts"

export const authenticate = (access: Settings["access"]) => (request: Request): Principal | null => {
  if (access === "development") return { id: "developer" }
  // set by App Service authentication after it verified the sign-in. Source:
  // learn.microsoft.com/azure/app-service/configure-authentication-user-identities
  const id = request.headers.get("x-ms-client-principal-id")
  if (id === null || id === "") return null
  return { id, tenant: createHash("sha256").update(id).digest("base64url") }
}
/** Every thread of one's own tenant. */
export const authorize = (): boolean => true
