import { startDataPlane } from './dataplane.ts'
import { smugglingSuite } from './suite.ts'

smugglingSuite('the data plane', startDataPlane)
