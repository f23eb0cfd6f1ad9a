// Registers a service with every kind of check by HashiCorp's own client, follows it by blocking queries and a watch plan, and
// says what it saw. Ends with 1 at the first thing that is not as a Consul would have it.
package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/consul/api/watch"
)

var client *api.Client

func main() {
	config := api.DefaultConfig()
	config.Address = os.Args[1]
	var err error
	client, err = api.NewClient(config)
	must(err)
	self()
	checks()
	blocking()
	watching()
	catalog()
	reaping()
	fmt.Print("done")
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func want(is bool, format string, args ...any) {
	if !is {
		panic(fmt.Sprintf(format, args...))
	}
}

func self() {
	info, err := client.Agent().Self()
	must(err)
	want(info["Config"]["Datacenter"] == "dc1", "datacenter %v", info["Config"]["Datacenter"])
	members, err := client.Agent().Members(false)
	must(err)
	want(len(members) == 1 && members[0].Status == 1, "members %v", members)
	leader, err := client.Status().Leader()
	must(err)
	want(leader != "", "no leader")
	name, err := client.Agent().NodeName()
	must(err)
	want(name == members[0].Name, "node %s", name)
}

// What the checks ask: all of it can be made to fail.
type target struct {
	isWell atomic.Bool
	port   int
}

func (t *target) serve(listener net.Listener) {
	t.port = listener.Addr().(*net.TCPAddr).Port
	mux := http.NewServeMux()
	mux.HandleFunc("POST /health", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !t.isWell.Load() || string(body) != "deep" || r.Header.Get("X-Who") != "check" {
			w.WriteHeader(500)
		}
		fmt.Fprint(w, "it is ", t.isWell.Load())
	})
	mux.HandleFunc("/grpc.health.v1.Health/Check", func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("content-type", "application/grpc")
		w.Header().Set("trailer", "grpc-status")
		status := byte(2)
		if t.isWell.Load() {
			status = 1
		}
		frame := make([]byte, 5, 7)
		binary.BigEndian.PutUint32(frame[1:], 2)
		w.Write(append(frame, 0x08, status))
		w.Header().Set("grpc-status", "0")
	})
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := http.Server{Handler: mux, Protocols: protocols}
	go server.Serve(listener)
}

func checks() {
	t := &target{}
	t.isWell.Store(true)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	t.serve(listener)
	address := listener.Addr().String()
	datagrams, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(err)
	registration := &api.AgentServiceRegistration{
		ID: "kinds-1", Name: "kinds", Port: t.port, Tags: []string{"v1"},
		Meta: map[string]string{"version": "1"},
		Checks: api.AgentServiceChecks{
			{CheckID: "http", HTTP: "http://" + address + "/health", Method: "POST", Body: "deep",
				Header: map[string][]string{"X-Who": {"check"}}, Interval: "100ms", Timeout: "1s",
				FailuresBeforeWarning: 1, FailuresBeforeCritical: 2},
			{CheckID: "tcp", TCP: address, Interval: "100ms"},
			{CheckID: "udp", UDP: datagrams.LocalAddr().String(), Interval: "100ms", Timeout: "200ms"},
			{CheckID: "h2ping", H2PING: address, Interval: "100ms", Status: "passing", FailuresBeforeCritical: 1000},
			{CheckID: "grpc", GRPC: address + "/orders", Interval: "100ms"},
			{CheckID: "ttl", TTL: "60s", Status: "passing"},
			{CheckID: "alias", AliasService: "kinds-base"},
		},
	}
	must(client.Agent().ServiceRegister(registration))
	await("kinds", func(entries []*api.ServiceEntry) bool {
		return statusOf(entries, "http") == "passing" && statusOf(entries, "tcp") == "passing" &&
			statusOf(entries, "udp") == "passing" && statusOf(entries, "h2ping") == "passing" &&
			statusOf(entries, "grpc") == "passing" && statusOf(entries, "alias") == "critical"
	})
	must(client.Agent().ServiceRegister(&api.AgentServiceRegistration{ID: "kinds-base", Name: "base", Port: 1}))
	await("kinds", func(entries []*api.ServiceEntry) bool {
		return len(entries) == 1 && entries[0].Checks.AggregatedStatus() == "passing"
	})
	passing, _, err := client.Health().Service("kinds", "v1", true, nil)
	must(err)
	want(len(passing) == 1 && passing[0].Service.Port == t.port, "passing %v", passing)

	t.isWell.Store(false)
	entries := await("kinds", func(entries []*api.ServiceEntry) bool {
		return statusOf(entries, "http") == "critical" && statusOf(entries, "grpc") == "critical"
	})
	for _, check := range entries[0].Checks {
		if check.CheckID == "http" {
			want(strings.Contains(check.Output, "500") && strings.Contains(check.Output, "it is false"), "output %q", check.Output)
			want(check.Type == "http" && check.ServiceName == "kinds", "check %v", check)
		}
	}
	t.isWell.Store(true)
	await("kinds", func(entries []*api.ServiceEntry) bool { return entries[0].Checks.AggregatedStatus() == "passing" })

	must(client.Agent().UpdateTTL("ttl", "half well", "warn"))
	status, info, err := client.Agent().AgentHealthServiceByID("kinds-1")
	must(err)
	want(status == "warning" && info.Service.ID == "kinds-1", "status %s", status)
	must(client.Agent().PassTTL("ttl", ""))
	must(client.Agent().EnableServiceMaintenance("kinds-1", "new disk"))
	status, info, err = client.Agent().AgentHealthServiceByID("kinds-1")
	must(err)
	want(status == "critical" && info.AggregatedStatus == "maintenance", "status %s", status)
	must(client.Agent().DisableServiceMaintenance("kinds-1"))
	must(client.Agent().EnableNodeMaintenance("cables"))
	status, infos, err := client.Agent().AgentHealthServiceByName("kinds")
	must(err)
	want(status == "critical" && infos[0].AggregatedStatus == "maintenance", "status %s", status)
	must(client.Agent().DisableNodeMaintenance())

	script := &api.AgentCheckRegistration{Name: "script", AgentServiceCheck: api.AgentServiceCheck{Args: []string{"/bin/true"}, Interval: "1s"}}
	err = client.Agent().CheckRegister(script)
	want(err != nil && strings.Contains(err.Error(), "Scripts are disabled on this agent"), "script: %v", err)
	disk := &api.AgentCheckRegistration{ID: "disk", Name: "Disk", AgentServiceCheck: api.AgentServiceCheck{TTL: "60s", Status: "critical"}}
	must(client.Agent().CheckRegister(disk))
	await("kinds", func(entries []*api.ServiceEntry) bool { return entries[0].Checks.AggregatedStatus() == "critical" })
	must(client.Agent().CheckDeregister("disk"))
	err = client.Agent().PassTTL("disk", "")
	want(err != nil && strings.Contains(err.Error(), "Unknown check ID"), "pass: %v", err)

	only, _, _ := client.Agent().Service("kinds-1", nil)
	want(only.Meta["version"] == "1" && only.ContentHash == "", "service %v", only)
	filtered, err := client.Agent().ServicesWithFilter(`Service == "kinds" and Meta.version == 1`)
	must(err)
	want(len(filtered) == 1, "filtered %v", filtered)
	_, err = client.Agent().ServicesWithFilter(`Nothing == 1`)
	want(err != nil, "a filter of nothing")
}

func statusOf(entries []*api.ServiceEntry, check string) string {
	for _, entry := range entries {
		for _, one := range entry.Checks {
			if one.CheckID == check {
				return one.Status
			}
		}
	}
	return ""
}

// Follows a service by blocking queries until it is so.
func await(service string, is func([]*api.ServiceEntry) bool) []*api.ServiceEntry {
	options := &api.QueryOptions{WaitTime: 20 * time.Second}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		entries, meta, err := client.Health().Service(service, "", false, options)
		must(err)
		want(meta.LastIndex >= options.WaitIndex && meta.KnownLeader, "index %d after %d", meta.LastIndex, options.WaitIndex)
		if len(entries) > 0 && is(entries) {
			return entries
		}
		options.WaitIndex = meta.LastIndex
	}
	panic(fmt.Sprint(service, " did not come to be as wanted"))
}

// A change of one service wakes nobody who waits for another one.
func blocking() {
	must(client.Agent().ServiceRegister(&api.AgentServiceRegistration{Name: "quiet", Port: 1}))
	_, meta, err := client.Health().Service("quiet", "", false, nil)
	must(err)
	woken := make(chan uint64, 1)
	go func() {
		_, next, err := client.Health().Service("quiet", "", false, &api.QueryOptions{WaitIndex: meta.LastIndex, WaitTime: 30 * time.Second})
		must(err)
		woken <- next.LastIndex
	}()
	for port := range 50 {
		must(client.Agent().ServiceRegister(&api.AgentServiceRegistration{Name: "loud", Port: port + 1}))
	}
	want(len(woken) == 0, "woken by others")
	must(client.Agent().ServiceRegister(&api.AgentServiceRegistration{Name: "quiet", Port: 2}))
	want(<-woken > meta.LastIndex, "the index did not rise")
}

func watching() {
	plan, err := watch.Parse(map[string]any{"type": "service", "service": "watched", "passingonly": true})
	must(err)
	seen := make(chan int, 100)
	plan.Handler = func(_ uint64, result any) { seen <- len(result.([]*api.ServiceEntry)) }
	go plan.Run(os.Args[1])
	defer plan.Stop()
	want(<-seen == 0, "nobody yet")
	must(client.Agent().ServiceRegister(&api.AgentServiceRegistration{Name: "watched", Port: 1}))
	for count := range seen {
		if count == 1 {
			break
		}
	}
	must(client.Agent().ServiceDeregister("watched"))
	for count := range seen {
		if count == 0 {
			break
		}
	}
}

func catalog() {
	east := &api.CatalogRegistration{
		Node: "east", Address: "10.0.0.9", NodeMeta: map[string]string{"rack": "7"},
		Service: &api.AgentService{ID: "cache-1", Service: "cache", Port: 6379, Tags: []string{"blue"}},
		Checks: api.HealthChecks{
			{Node: "east", CheckID: "alive", Name: "Alive", Status: "passing"},
			{Node: "east", CheckID: "service:cache-1", Name: "Cache", ServiceID: "cache-1", Status: "warning"},
		},
	}
	_, err := client.Catalog().Register(east, nil)
	must(err)
	services, _, err := client.Catalog().Services(&api.QueryOptions{NodeMeta: map[string]string{"rack": "7"}})
	must(err)
	want(len(services) == 1 && services["cache"][0] == "blue", "services %v", services)
	found, _, err := client.Catalog().Service("cache", "blue", &api.QueryOptions{Filter: `NodeMeta.rack == "7"`})
	must(err)
	want(len(found) == 1 && found[0].Address == "10.0.0.9" && found[0].ServiceAddress == "", "found %v", found)
	nodes, _, err := client.Catalog().Nodes(nil)
	must(err)
	want(len(nodes) == 2, "nodes %v", nodes)
	node, _, err := client.Catalog().Node("east", nil)
	must(err)
	want(node.Services["cache-1"].Port == 6379, "node %v", node)
	state, _, err := client.Health().State("warning", nil)
	must(err)
	want(len(state) == 1 && state[0].CheckID == "service:cache-1", "state %v", state)
	checks, _, err := client.Health().Checks("cache", nil)
	must(err)
	want(len(checks) == 1, "checks %v", checks)
	health, _, err := client.Health().Node("east", nil)
	must(err)
	want(len(health) == 2, "health %v", health)
	_, err = client.Catalog().Deregister(&api.CatalogDeregistration{Node: "east"}, nil)
	must(err)
	gone, _, err := client.Catalog().Node("east", nil)
	must(err)
	want(gone == nil, "gone %v", gone)
	centers, err := client.Catalog().Datacenters()
	must(err)
	want(len(centers) == 1 && centers[0] == "dc1", "datacenters %v", centers)
}

// From one second on, where Consul needs a minute and more.
func reaping() {
	check := &api.AgentServiceCheck{TTL: "1s", Status: "critical", DeregisterCriticalServiceAfter: "1s"}
	must(client.Agent().ServiceRegister(&api.AgentServiceRegistration{Name: "doomed", Port: 1, Check: check}))
	startedAt := time.Now()
	options := &api.QueryOptions{WaitTime: 10 * time.Second}
	for {
		entries, meta, err := client.Health().Service("doomed", "", false, options)
		must(err)
		if len(entries) == 0 {
			break
		}
		options.WaitIndex = meta.LastIndex
	}
	took := time.Since(startedAt)
	want(took > 900*time.Millisecond && took < 5*time.Second, "gone after %v", took)
}
