/** One planted fault: a line of the code said differently, and the tests that must notice. */
export interface Mutant {
  /** What is broken, as a sentence about the code: "publishes before the append is durable". */
  readonly name: string
  /** The rule of PROTOCOL.md that it breaks. */
  readonly rule: string
  readonly file: string
  /** Occurs exactly once in the file. */
  readonly find: string
  readonly replace: string
  /** Test files that are run; one of their tests must fail. Few and fast. */
  readonly tests: readonly string[]
}
