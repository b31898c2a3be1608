/**
 * Threads of different tenants never meet: the tenant is part of every key, and comes from the verified principal.
 */
import type { ThreadKey } from "../ports/ThreadLog.ts"

export const TENANT = /^[A-Za-z0-9_-]{1,64}$/
const DEFAULT_TENANT = "main"

export const tenantOf = ({ tenant = DEFAULT_TENANT }: { readonly tenant?: string }): string => tenant
export const keyOf = (of: { readonly tenant?: string }, thread: string): ThreadKey => `${tenantOf(of)}/${thread}`
