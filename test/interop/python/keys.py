# What services in Python do with keys, sessions and locks, by Debian's client. Ends with "passed".
import sys
import threading

import consul

c = consul.Consul(host="127.0.0.1", port=int(sys.argv[1]))

assert c.status.leader().endswith(":8300")
assert c.kv.put("app/one", "1", flags=7)
index, found = c.kv.get("app/one")
assert found["Value"] == b"1" and found["Flags"] == 7 and int(index) >= 1
assert c.kv.get("app/none") == (c.kv.get("app/none")[0], None)
assert c.kv.put("app/two", "x", cas=0) is True
assert c.kv.put("app/two", "x", cas=0) is False
_, keys = c.kv.get("app/", keys=True)
assert keys == ["app/one", "app/two"], keys
_, listed = c.kv.get("app/", recurse=True)
assert [one["Key"] for one in listed] == keys
_, folders = c.kv.get("", keys=True, separator="/")
assert folders == ["app/"]

session = c.session.create(name="py", behavior="delete", ttl=15, lock_delay=0)
second = c.session.create(checks=[], lock_delay=2)
_, info = c.session.info(session)
assert info["Behavior"] == "delete" and info["TTL"] == "15s" and info["LockDelay"] == 0
assert len(c.session.list()[1]) == 2
assert c.session.renew(session)["ID"] == session
try:
    c.session.renew("11111111-2222-3333-4444-555555555555")
    raise AssertionError("an unknown session was renewed")
except consul.NotFound:
    pass
assert c.kv.put("lock", "me", acquire=session) is True
assert c.kv.put("lock", "you", acquire=second) is False
assert c.kv.put("lock", "me", release=session) is True
assert c.kv.put("lock", "me", acquire=session) is True
assert c.session.destroy(session) is True
assert c.kv.get("lock")[1] is None, "behaviour delete"
assert c.kv.put("lock", "you", acquire=second) is True

# A blocking query wakes for a change, and ends by itself without one.
index, _ = c.kv.get("watched")
threading.Timer(0.2, lambda: c.kv.put("watched", "now")).start()
index, found = c.kv.get("watched", index=index, wait="30s")
assert found["Value"] == b"now"
again, _ = c.kv.get("watched", index=index, wait="50ms")
assert again == index

assert c.kv.delete("app/", recurse=True)
assert c.kv.delete("watched", cas=1) is False
try:
    c.query.list()
    raise AssertionError("prepared queries are not offered")
except consul.ConsulException as error:
    assert "not offered" in str(error), error
print("passed")
