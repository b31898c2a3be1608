/** For tests of agents: run one without a gateway and look at what it said. */
export { testAgent, type TestAgentOptions, type TestedRun } from "./testAgent.ts"
