import { balancers } from './balancing.ts'
import { testBalancer, type BalancerName } from './balancing.contract.ts'

for (const name of Object.keys(balancers) as BalancerName[]) testBalancer(name)
