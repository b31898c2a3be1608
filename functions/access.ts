/**
 * Who calls this app. Each user is a tenant of their own: they see their threads and nobody else's.
 */
import { createHash } from "node:crypto"
import type { Principal } from "throughline"
import type { Settings } from "./settings.ts"

export const authenticate =
  (access: Settings["access"]) =>
  (request: Request): Principal | null => {
    if (access === "development") return { id: "developer" }
    // set by App Service authentication after it verified the sign-in. Source:
    // learn.microsoft.com/azure/app-service/configure-authentication-user-identities
    const user = request.headers.get("x-ms-client-principal-id")
    if (user === null || user === "") return null
    // two providers may know different people by the same id
    const provider = request.headers.get("x-ms-client-principal-idp") ?? ""
    const tenant = createHash("sha256")
      .update(JSON.stringify([provider, user]))
      .digest("base64url")
    // the tenant tells users apart; the id is what is shown of one, in characters that every id may have
    return { id: user.replace(/[^!-~]/g, "_").slice(0, 128), tenant }
  }
/** Every thread of one's own tenant. */
export const authorize = (): boolean => true
