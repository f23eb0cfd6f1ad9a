import assert from 'node:assert/strict'
import { userInfo } from 'node:os'
import { test } from 'node:test'
import { findIn, findSystemUser } from './system-user.ts'

const PASSWD =
  'root:x:0:0:root:/root:/bin/sh\n# no user\nshop:x:1001:1002:,,,:/srv/shop:/bin/false\nbad:x:one:2::/:\n'

test('a user is found by name and by number, and nothing else is a user', () => {
  const shop = { name: 'shop', uid: 1001, gid: 1002, home: '/srv/shop' }
  assert.deepEqual(findIn(PASSWD, 'shop'), shop)
  assert.deepEqual(findIn(PASSWD, '1001'), shop)
  for (const name of ['sho', 'x', '1002', '', 'bad', '# no user']) {
    assert.equal(findIn(PASSWD, name), null, name)
  }
})

test('who runs this is a user of the machine', () => {
  const { username, uid } = userInfo()
  assert.equal(findSystemUser(username)?.uid, uid)
  assert.equal(findSystemUser('no-such-user-here'), null)
})
