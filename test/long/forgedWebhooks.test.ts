import "../security/webhooks.test.ts"
