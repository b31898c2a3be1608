/**
 * Loaded before soketi: it writes CORS headers before the status, so that every answer of its HTTP API has status 200.
 * Without those headers the status is the right one. It also ends with whoever started it.
 */
const { HttpHandler } = require("@soketi/soketi/dist/http-handler")

HttpHandler.prototype.corsMiddleware = (response, next) => next(null, response)
process.stdin.on("end", () => process.exit()).resume()
