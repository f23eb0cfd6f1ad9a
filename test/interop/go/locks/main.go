// What services in Go do with keys, sessions and locks, by HashiCorp's client. Ends with "passed".
package main

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/consul/api"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func must(isSo bool, what string) {
	if !isSo {
		panic("not so: " + what)
	}
}

func main() {
	client, err := api.NewClient(&api.Config{Address: os.Args[1]})
	check(err)
	keys(client)
	transaction(client)
	sessions(client)
	lock(client)
	lockLost(client)
	semaphore(client)
	fmt.Println("passed")
}

func keys(client *api.Client) {
	kv := client.KV()
	_, err := kv.Put(&api.KVPair{Key: "go/a b/ü", Value: []byte{0, 255}, Flags: 1<<64 - 1}, nil)
	check(err)
	pair, meta, err := kv.Get("go/a b/ü", nil)
	check(err)
	must(string(pair.Value) == "\x00\xff" && pair.Flags == 1<<64-1, "the pair")
	must(meta.KnownLeader && meta.LastIndex >= 1, "the meta data")
	pair.Value = []byte("new")
	done, _, err := kv.CAS(pair, nil)
	check(err)
	must(done, "compare and set")
	done, _, err = kv.CAS(pair, nil)
	check(err)
	must(!done, "an old index")
	list, _, err := kv.List("go/", nil)
	check(err)
	must(len(list) == 1, "the list")
	names, _, err := kv.Keys("", "/", nil)
	check(err)
	must(len(names) == 1 && names[0] == "go/", "the keys")
	go func() {
		time.Sleep(100 * time.Millisecond)
		_, err := kv.Put(&api.KVPair{Key: "go/watched"}, nil)
		check(err)
	}()
	_, meta, err = kv.List("go/", nil)
	check(err)
	list, _, err = kv.List("go/", &api.QueryOptions{WaitIndex: meta.LastIndex, WaitTime: time.Minute})
	check(err)
	must(len(list) == 2, "the change")
	_, err = kv.DeleteTree("go/", nil)
	check(err)
}

func transaction(client *api.Client) {
	ops := api.TxnOps{
		{KV: &api.KVTxnOp{Verb: api.KVSet, Key: "txn/a", Value: []byte("1"), Flags: api.LockFlagValue}},
		{KV: &api.KVTxnOp{Verb: api.KVCheckNotExists, Key: "txn/b"}},
		{KV: &api.KVTxnOp{Verb: api.KVGet, Key: "txn/a"}},
	}
	ok, response, _, err := client.Txn().Txn(ops, nil)
	check(err)
	must(ok && len(response.Results) == 2, "the transaction")
	must(response.Results[1].KV.Flags == api.LockFlagValue, "the flags")
	ok, response, _, err = client.Txn().Txn(api.TxnOps{{KV: &api.KVTxnOp{Verb: api.KVGet, Key: "none"}}}, nil)
	check(err)
	must(!ok && response.Errors[0].OpIndex == 0, "the refused transaction")
	catalogTransaction(client)
}

func catalogTransaction(client *api.Client) {
	node := api.Node{Node: "go-node", Address: "10.9.0.1", Meta: map[string]string{"rack": "r1"}}
	service := api.AgentService{ID: "go-web", Service: "go-web", Port: 8080, Tags: []string{"v1"}}
	health := api.HealthCheck{Node: "go-node", CheckID: "go-alive", Name: "alive", ServiceID: "go-web", Status: api.HealthPassing}
	ok, response, _, err := client.Txn().Txn(api.TxnOps{
		{Node: &api.NodeTxnOp{Verb: api.NodeSet, Node: node}},
		{Service: &api.ServiceTxnOp{Verb: api.ServiceSet, Node: "go-node", Service: service}},
		{Check: &api.CheckTxnOp{Verb: api.CheckSet, Check: health}},
		{KV: &api.KVTxnOp{Verb: api.KVSet, Key: "txn/catalog", Value: []byte("1")}},
	}, nil)
	check(err)
	must(ok && len(response.Results) == 4, "the transaction on the catalog")
	must(response.Results[0].Node.Meta["rack"] == "r1", "the node")
	must(response.Results[1].Service.ID == "go-web" && response.Results[1].Service.Port == 8080, "the service")
	must(response.Results[2].Check.Status == api.HealthPassing, "the check")
	entries, _, err := client.Health().Service("go-web", "v1", true, nil)
	check(err)
	must(len(entries) == 1 && entries[0].Node.Address == "10.9.0.1", "the healthy service")
	stale := service
	stale.Port = 1
	stale.ModifyIndex = 1
	ok, response, _, err = client.Txn().Txn(api.TxnOps{
		{KV: &api.KVTxnOp{Verb: api.KVDelete, Key: "txn/catalog"}},
		{Service: &api.ServiceTxnOp{Verb: api.ServiceCAS, Node: "go-node", Service: stale}},
	}, nil)
	check(err)
	must(!ok && response.Errors[0].OpIndex == 1, "a stale index")
	pair, _, err := client.KV().Get("txn/catalog", nil)
	check(err)
	must(pair != nil, "the key, since nothing was done")
	health.Status = api.HealthCritical
	ok, response, _, err = client.Txn().Txn(api.TxnOps{
		{Check: &api.CheckTxnOp{Verb: api.CheckSet, Check: health}},
		{Check: &api.CheckTxnOp{Verb: api.CheckGet, Check: health}},
	}, nil)
	check(err)
	must(ok && response.Results[1].Check.Status == api.HealthCritical, "the critical check")
	ok, _, _, err = client.Txn().Txn(api.TxnOps{
		{Check: &api.CheckTxnOp{Verb: api.CheckDelete, Check: health}},
		{Service: &api.ServiceTxnOp{Verb: api.ServiceDelete, Node: "go-node", Service: service}},
		{Node: &api.NodeTxnOp{Verb: api.NodeDelete, Node: node}},
		{KV: &api.KVTxnOp{Verb: api.KVDelete, Key: "txn/catalog"}},
	}, nil)
	check(err)
	must(ok, "the end of it")
	nodes, _, err := client.Catalog().Nodes(nil)
	check(err)
	for _, one := range nodes {
		must(one.Node != "go-node", "no node")
	}
}

func sessions(client *api.Client) {
	session := client.Session()
	id, _, err := session.Create(&api.SessionEntry{Name: "go", TTL: "10s", LockDelay: time.Millisecond, Behavior: api.SessionBehaviorDelete}, nil)
	check(err)
	info, _, err := session.Info(id, nil)
	check(err)
	must(info.TTL == "10s" && info.LockDelay == time.Millisecond, "the session")
	entry, _, err := session.Renew(id, nil)
	check(err)
	must(entry.ID == id, "the renewed one")
	done := make(chan struct{})
	ended := make(chan error, 1)
	go func() { ended <- session.RenewPeriodic("10s", id, nil, done) }()
	close(done)
	check(<-ended)
	info, _, err = session.Info(id, nil)
	check(err)
	must(info == nil, "RenewPeriodic destroys it")
	entry, _, err = session.Renew(id, nil)
	check(err)
	must(entry == nil, "an unknown session")
	id, _, err = session.CreateNoChecks(nil, nil)
	check(err)
	info, _, err = session.Info(id, nil)
	check(err)
	must(len(info.NodeChecks) == 0, "no checks")
}

// Several holders, one after the other, never two.
func lock(client *api.Client) {
	var inside, turns atomic.Int32
	var all sync.WaitGroup
	for range 4 {
		all.Add(1)
		go func() {
			defer all.Done()
			lock, err := client.LockOpts(&api.LockOptions{Key: "lock/one", LockDelay: time.Millisecond})
			check(err)
			for range 3 {
				lost, err := lock.Lock(nil)
				check(err)
				must(lost != nil, "the lock")
				must(inside.Add(1) == 1, "one holder")
				turns.Add(1)
				time.Sleep(5 * time.Millisecond)
				inside.Add(-1)
				check(lock.Unlock())
			}
		}()
	}
	all.Wait()
	must(turns.Load() == 12, "all turns")
}

// Whoever holds a lock hears that its session is gone.
func lockLost(client *api.Client) {
	lock, err := client.LockKey("lock/lost")
	check(err)
	lost, err := lock.Lock(nil)
	check(err)
	pair, _, err := client.KV().Get("lock/lost", nil)
	check(err)
	must(pair.Flags == api.LockFlagValue && pair.LockIndex == 1, "the locked key")
	_, err = client.Session().Destroy(pair.Session, nil)
	check(err)
	select {
	case <-lost:
	case <-time.After(10 * time.Second):
		panic("the holder was not told")
	}
}

func semaphore(client *api.Client) {
	var inside atomic.Int32
	var both atomic.Bool
	var all sync.WaitGroup
	for range 4 {
		all.Add(1)
		go func() {
			defer all.Done()
			semaphore, err := client.SemaphorePrefix("semaphore/two", 2)
			check(err)
			lost, err := semaphore.Acquire(nil)
			check(err)
			must(lost != nil, "the slot")
			holders := inside.Add(1)
			must(holders <= 2, "two holders")
			if holders == 2 {
				both.Store(true)
			}
			// Until two have been in at the same time.
			for end := time.Now().Add(30 * time.Second); !both.Load(); time.Sleep(time.Millisecond) {
				must(time.Now().Before(end), "a second holder")
			}
			inside.Add(-1)
			check(semaphore.Release())
		}()
	}
	all.Wait()
}
