// Gets one key by the Go client.
package main

import (
	"fmt"
	"os"

	"github.com/hashicorp/consul/api"
)

func main() {
	client, err := api.NewClient(&api.Config{Address: "127.0.0.1:" + os.Args[1]})
	if err != nil {
		panic(err)
	}
	pair, _, err := client.KV().Get("greeting", nil)
	if err != nil {
		panic(err)
	}
	fmt.Print(string(pair.Value))
}
