"""Agent, catalog and health by Debian's python3-consul, whose names of JSON are in lower case and which reports by GET."""

import sys
import threading

import consul

c = consul.Consul(host="127.0.0.1", port=int(sys.argv[1]))
assert c.agent.self()["Config"]["Datacenter"] == "dc1"
assert c.agent.service.register(
    "web", service_id="web1", port=8080, tags=["v1"], check=consul.Check.ttl("60s")
)
assert c.agent.service.register("api", port=81)
assert sorted(c.agent.services()) == ["api", "web1"]
assert c.agent.checks()["service:web1"]["Status"] == "critical"
assert c.agent.check.ttl_pass("service:web1", notes="fine")
assert c.agent.checks()["service:web1"]["Output"] == "fine"
assert c.agent.check.ttl_warn("service:web1")
index, nodes = c.health.service("web", passing=True)
assert nodes == [] and int(index) > 0
assert c.agent.check.ttl_pass("service:web1")
assert len(c.health.service("web", passing=True)[1]) == 1
assert len(c.health.service("web", tag="v2")[1]) == 0
assert c.agent.check.register("disk", check=consul.Check.ttl("60s"))
assert c.agent.check.deregister("disk")
assert c.agent.maintenance("true", "cables") and c.agent.maintenance("false")
assert c.agent.service.maintenance("web1", "true") and c.agent.service.maintenance("web1", "false")

assert c.catalog.datacenters() == ["dc1"]
assert c.catalog.services()[1] == {"web": ["v1"], "api": []}
assert c.catalog.service("web")[1][0]["ServicePort"] == 8080
assert c.catalog.register("east", "10.0.0.9", service={"service": "cache"})
assert len(c.catalog.nodes()[1]) == 2
assert c.catalog.node("east")[1]["Services"]["cache"]["Service"] == "cache"
assert c.catalog.deregister("east")
assert c.health.state("critical")[1] == []
assert len(c.health.checks("web")[1]) == 1

# A blocking query ends with the change.
index, _ = c.health.service("web")
seen = []
waiting = threading.Thread(
    target=lambda: seen.append(c.health.service("web", index=index, wait="20s"))
)
waiting.start()
assert c.agent.check.ttl_fail("service:web1")
waiting.join(10)
assert int(seen[0][0]) > int(index)
assert c.agent.service.deregister("web1")
assert not c.agent.service.deregister("web1")
sys.stdout.write("done")
