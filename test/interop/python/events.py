"""kurrentdbclient: appends, reads, metadata, deletions, subscriptions, filters, persistent subscriptions. `events.py HOST:PORT`."""

import sys
from uuid import uuid4

from kurrentdbclient import KurrentDBClient, NewEvent, StreamState
from kurrentdbclient import exceptions as errors

client = KurrentDBClient(f"kurrentdb://{sys.argv[1]}?tls=false")


def event(n, kind="counted"):
    return NewEvent(type=kind, data=b'{"n":%d}' % n, metadata=b'{"by":"python"}')


def refuses(error, call):
    try:
        call()
    except error:
        return
    raise AssertionError(f"{error} was expected")


stream = f"order-{uuid4()}"
first = client.append_to_stream(stream, current_version=StreamState.NO_STREAM, events=[event(1), event(2)])
client.append_to_stream(stream, current_version=1, events=event(3))
client.append_to_stream(stream, current_version=StreamState.ANY, events=event(4))
refuses(
    errors.WrongCurrentVersionError,
    lambda: client.append_to_stream(stream, current_version=1, events=event(5)),
)
same = event(5)
position = client.append_to_stream(stream, current_version=3, events=same)
assert client.append_to_stream(stream, current_version=3, events=same) == position
assert client.get_current_version(stream) == 4
read = list(client.get_stream(stream))
assert [one.stream_position for one in read] == [0, 1, 2, 3, 4]
assert read[0].data == b'{"n":1}' and read[0].metadata == b'{"by":"python"}'
back = list(client.get_stream(stream, backwards=True, limit=2))
assert [one.stream_position for one in back] == [4, 3]
refuses(errors.NotFoundError, lambda: list(client.get_stream(f"none-{uuid4()}")))
assert len(list(client.read_all(backwards=True, limit=3))) == 3

client.set_stream_metadata(stream, metadata={"$maxCount": 2})
metadata, version = client.get_stream_metadata(stream)
assert metadata == {"$maxCount": 2}, metadata
assert [one.stream_position for one in client.get_stream(stream)] == [3, 4]

with client.subscribe_to_stream(stream, stream_position=3) as subscription:
    client.append_to_stream(stream, current_version=4, events=event(6))
    seen = []
    for one in subscription:
        seen.append(one.stream_position)
        if len(seen) == 2:
            break
assert seen == [4, 5], seen

kind = f"rare{uuid4().hex[:8]}"
for n in range(30):
    client.append_to_stream(f"f-{kind}", current_version=StreamState.ANY, events=event(n, kind if n % 10 == 0 else "common"))
found = [one.data for one in client.read_all(filter_include=[kind])]
assert found == [b'{"n":0}', b'{"n":10}', b'{"n":20}'], found
with client.subscribe_to_all(filter_include=[kind], from_end=False) as subscription:
    seen = []
    for one in subscription:
        seen.append(one.data)
        if len(seen) == 3:
            break
assert seen == found

group = f"group-{uuid4()}"
client.create_subscription_to_stream(group, stream_name=f"f-{kind}", from_end=False)
refuses(errors.AlreadyExistsError, lambda: client.create_subscription_to_stream(group, stream_name=f"f-{kind}"))
subscription = client.read_subscription_to_stream(group, stream_name=f"f-{kind}")
count = 0
for one in subscription:
    count += 1
    if count == 1:
        subscription.nack(one, action="park")
    elif count == 2:
        subscription.nack(one, action="skip")
    else:
        subscription.ack(one)
    if count == 30:
        subscription.stop()
client.replay_parked_events(group, stream_name=f"f-{kind}")
for one in client.read_subscription_to_stream(group, stream_name=f"f-{kind}"):
    assert one.data == b'{"n":0}', one.data
    break
info = client.get_subscription_info(group, stream_name=f"f-{kind}")
assert info.group_name == group
assert any(one.group_name == group for one in client.list_subscriptions())
client.delete_subscription(group, stream_name=f"f-{kind}")
refuses(errors.NotFoundError, lambda: client.get_subscription_info(group, stream_name=f"f-{kind}"))

client.delete_stream(stream, current_version=5)
refuses(errors.NotFoundError, lambda: list(client.get_stream(stream)))
client.append_to_stream(stream, current_version=StreamState.NO_STREAM, events=event(7))
client.tombstone_stream(stream, current_version=StreamState.ANY)
refuses(errors.StreamIsDeletedError, lambda: list(client.get_stream(stream)))

client.close()
print("done", end="")
