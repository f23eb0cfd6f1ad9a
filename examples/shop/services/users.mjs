/** Who buys: three people, and the sessions of those who logged in. Everybody's password is `demo`. */
import { randomBytes, scryptSync, timingSafeEqual } from 'node:crypto'
import { registerInEureka } from './eureka.mjs'
import { createBoundedMap, Refusal, serve } from './service.mjs'

const people = ['ada', 'grace', 'margaret'].map((id) => {
  const salt = randomBytes(16)
  return { id, name: id[0].toUpperCase() + id.slice(1), salt, hash: hashOf('demo', salt) }
})
const byId = new Map(people.map((person) => [person.id, person]))
const sessions = createBoundedMap(1_000)

const server = serve('users', {
  'POST /users/login'({ body, note }) {
    const { user, password } = body
    const person = byId.get(user)
    if (person === undefined || !isPassword(person, password)) {
      throw new Refusal(401, 'no such user, or another password')
    }
    const token = randomBytes(24).toString('base64url')
    sessions.set(token, person)
    note({ user: person.id })
    return { token, user: view(person) }
  },
  'GET /users/me'({ headers }) {
    const token = /^Bearer (\S+)$/.exec(headers.authorization ?? '')?.[1]
    const person = sessions.get(token)
    if (person === undefined) throw new Refusal(401, 'log in first')
    return view(person)
  },
  'GET /users/:id'({ params }) {
    const person = byId.get(params.id)
    if (person === undefined) throw new Refusal(404, `no user is called ${params.id}`)
    return view(person)
  },
})
registerInEureka('users', server)

function view({ id, name }) {
  return { id, name }
}

/** A cheap cost on purpose: this is a shop to look at, and its load logs in often. */
function hashOf(password, salt) {
  return scryptSync(password, salt, 32, { N: 1024, r: 8, p: 1 })
}

function isPassword(person, password) {
  return typeof password === 'string' && password.length <= 100
    ? timingSafeEqual(hashOf(password, person.salt), person.hash)
    : false
}
