// Tokens and policies by HashiCorp's client, against a Consul API that denies by default. Ends with "passed".
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/hashicorp/consul/api"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func as(token string) *api.Client {
	client, err := api.NewClient(&api.Config{Address: os.Args[1], Token: token})
	check(err)
	return client
}

func main() {
	first, _, err := as("").ACL().Bootstrap()
	check(err)
	if _, _, err := as("").ACL().Bootstrap(); err == nil || !strings.Contains(err.Error(), "no longer allowed") {
		panic("two first tokens")
	}
	root := as(first.SecretID)
	policy, _, err := root.ACL().PolicyCreate(&api.ACLPolicy{Name: "app", Rules: `key_prefix "app/" { policy = "write" } session_prefix "" { policy = "write" }`}, nil)
	check(err)
	token, _, err := root.ACL().TokenCreate(&api.ACLToken{Description: "app", Policies: []*api.ACLTokenPolicyLink{{ID: policy.ID}}}, nil)
	check(err)
	app := as(token.SecretID)
	_, err = app.KV().Put(&api.KVPair{Key: "app/a"}, nil)
	check(err)
	_, err = app.KV().Put(&api.KVPair{Key: "other"}, nil)
	if err == nil || !strings.Contains(err.Error(), "Permission denied") {
		panic("a key of others was written")
	}
	_, _, err = as("").KV().Get("app/a", nil)
	if err == nil || !strings.Contains(err.Error(), "Permission denied") {
		panic("without a token")
	}
	lock, err := app.LockKey("app/lock")
	check(err)
	_, err = lock.Lock(nil)
	check(err)
	check(lock.Unlock())
	self, _, err := app.ACL().TokenReadSelf(nil)
	check(err)
	if self.AccessorID != token.AccessorID || self.Policies[0].Name != "app" {
		panic("not itself")
	}
	policies, _, err := root.ACL().PolicyList(nil)
	check(err)
	tokens, _, err := root.ACL().TokenList(nil)
	check(err)
	if len(policies) != 2 || len(tokens) != 2 {
		panic("lists")
	}
	_, err = root.ACL().PolicyDelete(policy.ID, nil)
	check(err)
	if _, err = app.KV().Put(&api.KVPair{Key: "app/a"}, nil); err == nil {
		panic("a policy that is gone")
	}
	_, err = root.ACL().TokenDelete(token.AccessorID, nil)
	check(err)
	fmt.Println("passed")
}
