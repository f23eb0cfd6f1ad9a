import { balancerNames } from './balancing.ts'
import { testBalancer } from './balancing.contract.ts'

for (const name of balancerNames) testBalancer(name)
