import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryLedger } from '../testing/memory-ledger.ts'
import { createAccounts } from './accounts.ts'
import { createPasswords, HashingBusyError } from './passwords.ts'
import { createThrottle } from './throttle.ts'

const cheap = { memoryKib: 64, passes: 1, concurrency: 1 }
const pepper = Buffer.alloc(32, 3)

test('a hash says its cost, checks only its own password, and needs the pepper', async () => {
  const passwords = createPasswords(pepper, () => cheap)
  const hash = await passwords.hash('zwölf Zeichen')
  assert.match(hash, /^\$argon2id\$v=19\$m=64,t=1,p=1\$[^$]+\$[^$]+$/)
  // The same letters, composed or not.
  const same = await passwords.check('zwo\u0308lf Zeichen', hash)
  assert.deepEqual(same, { isRight: true, isOutdated: false })
  assert.equal((await passwords.check('zwölf zeichen', hash)).isRight, false)
  const without = createPasswords(Buffer.alloc(32), () => cheap)
  assert.equal((await without.check('zwölf Zeichen', hash)).isRight, false)
  for (const bad of ['', '$argon2i$v=19$m=64,t=1,p=1$AAAAAAAA$AAAA', '$2b$10$x']) {
    assert.equal((await passwords.check('x', bad)).isRight, false)
  }
})

test('hashes wait for each other, and too many are refused', async () => {
  const passwords = createPasswords(pepper, () => cheap)
  const all = await Promise.allSettled(Array.from({ length: 80 }, () => passwords.hash('x')))
  const refused = all.filter((one) => one.status === 'rejected')
  assert.equal(refused.length, 80 - 1 - 64)
  assert.ok(refused.every((one) => one.reason instanceof HashingBusyError))
  assert.ok(await passwords.hash('x'), 'and later there is room')
})

test('an unknown account costs a hash, too, and a cheaper hash is replaced at the next login', async () => {
  let cost = cheap
  const passwords = createPasswords(pepper, () => cost)
  let hashed = 0
  const counted = {
    ...passwords,
    check: (...given: Parameters<typeof passwords.check>) => {
      hashed++
      return passwords.check(...given)
    },
  }
  const ledger = createMemoryLedger()
  const accounts = createAccounts(ledger, counted, () => 1)
  const ada = await accounts.add({ login: ' Ada ', password: 'a long password' })
  assert.equal(ada?.login, 'ada')
  assert.equal(await accounts.add({ login: 'ADA' }), undefined)
  assert.equal(await accounts.checkPassword('nobody', 'x'), undefined)
  assert.equal(hashed, 1)
  cost = { ...cheap, memoryKib: 128 }
  assert.equal((await accounts.checkPassword('ada', 'a long password'))?.id, ada?.id)
  const [row] = await ledger.read('SELECT password FROM identity_accounts')
  assert.match(String(row?.['password']), /m=128/)
  await accounts.change(ada?.id ?? '', { isDisabled: true })
  assert.equal(await accounts.checkPassword('ada', 'a long password'), undefined)
})

test('a recovery code works once, also for two that bring it at once, and new ones end the old', async () => {
  const accounts = createAccounts(
    createMemoryLedger(),
    createPasswords(pepper, () => cheap),
    () => 1,
  )
  const ada = (await accounts.add({ login: 'ada' })) ?? assert.fail()
  const [first = '', second = ''] = await accounts.makeRecoveryCodes(ada.id)
  const typed = first.toUpperCase().replaceAll('-', ' ')
  const both = await Promise.all([
    accounts.useRecoveryCode('ada', typed, 'a new password'),
    accounts.useRecoveryCode('Ada', first, 'a new password'),
  ])
  assert.equal(both.filter((one) => one !== undefined).length, 1)
  assert.equal(await accounts.countRecoveryCodes(ada.id), 9)
  await accounts.makeRecoveryCodes(ada.id)
  assert.equal(await accounts.useRecoveryCode('ada', second, 'a new password'), undefined)
  assert.equal(await accounts.countRecoveryCodes(ada.id), 10)
})

test('who guesses waits longer and longer, his network too, and the owner elsewhere does not', () => {
  let nowMs = 0
  const throttle = createThrottle(() => nowMs)
  for (let tries = 0; tries < 5; tries++) {
    assert.equal(throttle.waitMs('ada', '192.0.2.1'), 0)
    throttle.failed('ada', '192.0.2.1')
  }
  assert.equal(throttle.waitMs('ADA', '192.0.2.1'), 1_000)
  throttle.failed('ada', '192.0.2.1')
  assert.equal(throttle.waitMs('ada', '192.0.2.1'), 2_000)
  assert.equal(throttle.waitMs('ada', '198.51.100.7'), 0, 'the owner')
  assert.equal(throttle.waitMs('grace', '192.0.2.1'), 0, 'somebody beside him')
  nowMs += 2_000
  assert.equal(throttle.waitMs('ada', '192.0.2.1'), 0)
  for (let tries = 0; tries < 20; tries++) throttle.failed('ada', '192.0.2.1')
  assert.equal(throttle.waitMs('ada', '192.0.2.1'), 60_000, 'never longer')
  for (let tries = 0; tries < 30; tries++) throttle.failed(`name-${tries}`, '192.0.2.1')
  assert.ok(throttle.waitMs('grace', '192.0.2.1') > 0, 'a network that tries many names')
  // One customer has the whole /64.
  for (let tries = 0; tries < 5; tries++) throttle.failed('ada', `2001:db8::${tries}`)
  assert.ok(throttle.waitMs('ada', '2001:db8::ffff') > 0)
  assert.equal(throttle.waitMs('ada', '2001:db8:1::1'), 0)
  throttle.succeeded('ada', '2001:db8::1')
  assert.equal(throttle.waitMs('ada', '2001:db8::2'), 0)
  nowMs += 16 * 60_000
  assert.equal(throttle.waitMs('ada', '192.0.2.1'), 0)
})

test('a recovery code is not used up where the new password cannot be hashed', async () => {
  const passwords = createPasswords(pepper, () => cheap)
  let isBusy = false
  const accounts = createAccounts(
    createMemoryLedger(),
    {
      ...passwords,
      hash: async (password) => {
        if (isBusy) throw new HashingBusyError()
        return passwords.hash(password)
      },
    },
    () => 1,
  )
  const ada = (await accounts.add({ login: 'ada' })) ?? assert.fail()
  const [code = ''] = await accounts.makeRecoveryCodes(ada.id)
  isBusy = true
  await assert.rejects(accounts.useRecoveryCode('ada', code, 'a new password'), HashingBusyError)
  isBusy = false
  assert.equal(await accounts.countRecoveryCodes(ada.id), 10)
  assert.equal((await accounts.useRecoveryCode('ada', code, 'a new password'))?.id, ada.id)
  assert.equal((await accounts.checkPassword('ada', 'a new password'))?.id, ada.id)
})

test('a password that is changed while the old one is hashed anew stays changed', async () => {
  let meanwhile = async () => {}
  const accounts = createAccounts(
    createMemoryLedger(),
    {
      hash: async (password) => {
        if (password === 'old') await meanwhile()
        return `hash of ${password}`
      },
      check: async (password, stored) => ({
        isRight: stored === `hash of ${password}`,
        isOutdated: true,
      }),
    },
    () => 1,
  )
  const ada = (await accounts.add({ login: 'ada', password: 'old' })) ?? assert.fail()
  meanwhile = () => accounts.setPassword(ada.id, 'new')
  await accounts.checkPassword('ada', 'old')
  meanwhile = async () => {}
  assert.equal(await accounts.checkPassword('ada', 'old'), undefined)
  assert.equal((await accounts.checkPassword('ada', 'new'))?.id, ada.id)
})

test('tries side by side count as failures, and spellings of one login are one', () => {
  const throttle = createThrottle(() => 0)
  const ends = Array.from({ length: 5 }, () => {
    assert.equal(throttle.waitMs('ada', '192.0.2.1'), 0)
    return throttle.begin('ada', '192.0.2.1')
  })
  assert.ok(throttle.waitMs('ada', '192.0.2.1') > 0)
  assert.equal(throttle.waitMs('ada', '198.51.100.7'), 0)
  for (const end of ends) end()
  assert.equal(throttle.waitMs('ada', '192.0.2.1'), 0)
  for (const login of ['ada', ' ada', 'ada ', 'ＡＤＡ', 'ada\t'])
    throttle.failed(login, '192.0.2.1')
  assert.ok(throttle.waitMs('ada', '192.0.2.1') > 0)
})
