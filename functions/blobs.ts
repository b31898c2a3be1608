/** The blob service's SDK. A bundle of its own, loaded at the first blob: most calls have none. */
export { BlobServiceClient } from "@azure/storage-blob"
