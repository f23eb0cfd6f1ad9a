/**
 * Who buys: three people. Who logs in gets a token that this service signs; whoever shows it later is known to the gateway, which says who it is in the header
 * `x-user`. Everybody's password is `demo`.
 */
import { createHmac, randomBytes, scryptSync, timingSafeEqual } from 'node:crypto'
import { registerInEureka } from './eureka.mjs'
import { Refusal, serve } from './service.mjs'

const people = ['ada', 'grace', 'margaret'].map((id) => {
  const salt = randomBytes(16)
  return { id, name: id[0].toUpperCase() + id.slice(1), salt, hash: hashOf('demo', salt) }
})
const byId = new Map(people.map((person) => [person.id, person]))
const { TOKEN_SECRET = '' } = process.env

const server = serve('users', {
  'POST /users/login'({ body, note }) {
    const { user, password } = body
    const person = byId.get(user)
    if (person === undefined || !isPassword(person, password)) {
      throw new Refusal(401, 'no such user, or another password')
    }
    note({ user: person.id })
    return { token: signToken(person.id), user: view(person) }
  },
  'GET /users/me'({ headers }) {
    const person = byId.get(headers['x-user'])
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

/** RFC 7519, signed with the secret that the gateway has, too. */
function signToken(sub) {
  const iat = Math.floor(Date.now() / 1_000)
  const parts = [
    { alg: 'HS256', typ: 'at+jwt' },
    { iss: 'users', aud: 'shop', sub, iat, exp: iat + 3_600 },
  ]
  const signed = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
  const text = signed.join('.')
  return `${text}.${createHmac('sha256', TOKEN_SECRET).update(text).digest('base64url')}`
}

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
