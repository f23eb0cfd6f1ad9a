// Elastic's own client of Lumberjack sends two batches and waits until they are acknowledged.
package main

import (
	"fmt"
	"os"
	"time"

	client "github.com/elastic/go-lumber/client/v2"
)

func main() {
	connection, err := client.SyncDial(os.Args[1], client.CompressionLevel(3), client.Timeout(10*time.Second))
	if err != nil {
		panic(err)
	}
	for batch := 0; batch < 2; batch++ {
		events := make([]interface{}, 0, 50)
		for at := 0; at < 50; at++ {
			events = append(events, map[string]interface{}{
				"@timestamp": time.Now().UTC().Format(time.RFC3339Nano),
				"message":    fmt.Sprintf("line %d of batch %d", at, batch),
				"service":    map[string]string{"name": "beat"},
				"log":        map[string]string{"level": "warn"},
			})
		}
		count, err := connection.Send(events)
		if err != nil || count != len(events) {
			panic(fmt.Sprint(count, err))
		}
	}
	if err := connection.Close(); err != nil {
		panic(err)
	}
	fmt.Println("acknowledged")
}
