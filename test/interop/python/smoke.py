# Gets one key by Debian's client.
import sys

import consul

_, found = consul.Consul(host="127.0.0.1", port=int(sys.argv[1])).kv.get("greeting")
print(found["Value"].decode(), end="")
