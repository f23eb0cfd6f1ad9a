import { startDataPlane } from './dataplane.ts'
import { smugglingSuite } from './suite.ts'

/** Paths that the router calls ambiguous, and "*", which no route has. */
const ownAnswers = {
  'target-opaque': 400,
  'target-options-asterisk': 204,
  'target-options-absolute': 204,
}

smugglingSuite('the data plane', startDataPlane, ownAnswers)
