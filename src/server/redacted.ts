/**
 * Puts the redactor in front of the application's loggers and tracer, for everything that the backend runs.
 *
 * The application's own loggers and exporters stay in place; they see lines and attributes without secrets. What an
 * agent logs with Effect inside of a run passes it, too.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Tracer from "effect/Tracer"
import { describe, redactError, type Redact } from "./redact.ts"

/** Runs `effect` with loggers and tracer that redact; wrapping twice changes nothing. */
export const redacted =
  (redact: Redact) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(Logger.CurrentLoggers, (loggers) =>
      Effect.flatMap(Tracer.Tracer, (tracer) =>
        effect.pipe(
          Effect.provideService(
            Logger.CurrentLoggers,
            new Set([...loggers].map((logger) => wrapLogger(logger, redact)))
          ),
          Effect.provideService(Tracer.Tracer, wrapTracer(tracer, redact))
        )
      )
    )

const wrapped = new WeakSet<object>()

const wrapLogger = (logger: Logger.Logger<unknown, unknown>, redact: Redact): Logger.Logger<unknown, unknown> => {
  if (wrapped.has(logger)) return logger
  const clean = Logger.make<unknown, unknown>(({ cause, message, ...options }) => {
    const said = (Array.isArray(message) ? message : [message]).map((part) => describe(part, redact))
    // a cause becomes text: its errors may carry whole requests
    const why = cause.reasons.length === 0 ? [] : [describe(Cause.squash(cause), redact)]
    return logger.log({ ...options, message: [...said, ...why], cause: Cause.empty })
  })
  wrapped.add(clean)
  return clean
}

/** Spans stay what the tracer made, with three methods in front, so that an exporter finds its own. */
const wrapTracer = (tracer: Tracer.Tracer, redact: Redact): Tracer.Tracer => {
  if (wrapped.has(tracer)) return tracer
  const value = (given: unknown) =>
    typeof given === "number" || typeof given === "boolean" ? given : describe(given, redact)
  const clean = Tracer.make({
    ...(tracer.context === undefined
      ? {}
      : { context: tracer.context.bind(tracer) as NonNullable<Tracer.Tracer["context"]> }),
    span: (options) => {
      const span = tracer.span(options)
      const { attribute, end, event } = span
      return Object.assign(span, {
        attribute: (key: string, given: unknown) => attribute.call(span, key, value(given)),
        event: (name: string, at: bigint, attributes?: Record<string, unknown>) =>
          event.call(
            span,
            redact(name),
            at,
            attributes && Object.fromEntries(Object.entries(attributes).map(([key, given]) => [key, value(given)]))
          ),
        end: (at: bigint, exit: Exit.Exit<unknown, unknown>) =>
          end.call(span, at, Exit.isSuccess(exit) ? exit : Exit.fail(redactError(Cause.squash(exit.cause), redact)))
      })
    }
  })
  wrapped.add(clean)
  return clean
}
