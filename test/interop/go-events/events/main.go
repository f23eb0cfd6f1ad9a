// The Go client of KurrentDB: appends, reads, metadata, deletions, subscriptions with filters, persistent subscriptions. `events HOST:PORT`.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/kurrent-io/KurrentDB-Client-Go/kurrentdb"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func equal(what string, got, wanted any) {
	if fmt.Sprint(got) != fmt.Sprint(wanted) {
		panic(fmt.Sprintf("%s: %v, wanted %v", what, got, wanted))
	}
}

func refused(what string, err error, code kurrentdb.ErrorCode) {
	told, ok := kurrentdb.FromError(err)
	if ok || told.Code() != code {
		panic(fmt.Sprintf("%s: %v", what, err))
	}
}

func event(n int, kind string) kurrentdb.EventData {
	return kurrentdb.EventData{
		EventID: uuid.New(), EventType: kind, ContentType: kurrentdb.ContentTypeJson,
		Data: []byte(fmt.Sprintf(`{"n":%d}`, n)), Metadata: []byte(`{"by":"go"}`),
	}
}

func all(stream *kurrentdb.ReadStream) (found []*kurrentdb.ResolvedEvent, failure error) {
	defer stream.Close()
	for {
		one, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return found, err
		}
		found = append(found, one)
	}
}

func main() {
	settings, err := kurrentdb.ParseConnectionString("kurrentdb://" + os.Args[1] + "?tls=false")
	check(err)
	client, err := kurrentdb.NewClient(settings)
	check(err)
	ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
	defer cancel()
	name := "order-" + uuid.NewString()
	put := func(state kurrentdb.StreamState, events ...kurrentdb.EventData) (*kurrentdb.WriteResult, error) {
		return client.AppendToStream(ctx, name, kurrentdb.AppendToStreamOptions{StreamState: state}, events...)
	}
	first, err := put(kurrentdb.NoStream{}, event(1, "counted"), event(2, "counted"))
	check(err)
	equal("revision", first.NextExpectedVersion, 1)
	_, err = put(kurrentdb.StreamRevision{Value: 1}, event(3, "counted"))
	check(err)
	_, err = put(kurrentdb.StreamRevision{Value: 1}, event(4, "counted"))
	refused("revision", err, kurrentdb.ErrorCodeWrongExpectedVersion)
	_, err = put(kurrentdb.StreamExists{}, event(4, "counted"))
	check(err)
	_, err = put(kurrentdb.Any{}, event(5, "counted"))
	check(err)

	read := func(options kurrentdb.ReadStreamOptions, count uint64) ([]*kurrentdb.ResolvedEvent, error) {
		stream, err := client.ReadStream(ctx, name, options, count)
		if err != nil {
			return nil, err
		}
		return all(stream)
	}
	found, err := read(kurrentdb.ReadStreamOptions{From: kurrentdb.Start{}}, 100)
	check(err)
	equal("events", len(found), 5)
	equal("data", string(found[0].Event.Data)+string(found[0].Event.UserMetadata), `{"n":1}{"by":"go"}`)
	found, err = read(kurrentdb.ReadStreamOptions{From: kurrentdb.End{}, Direction: kurrentdb.Backwards}, 2)
	check(err)
	equal("backwards", found[0].Event.EventNumber, 4)

	metadata := kurrentdb.StreamMetadata{}
	metadata.SetMaxCount(2)
	_, err = client.SetStreamMetadata(ctx, name, kurrentdb.AppendToStreamOptions{}, metadata)
	check(err)
	known, err := client.GetStreamMetadata(ctx, name, kurrentdb.ReadStreamOptions{})
	check(err)
	equal("maxCount", *known.MaxCount(), 2)

	kind := "rare" + uuid.NewString()[:8]
	for n := range 30 {
		of := "common"
		if n%10 == 0 {
			of = kind
		}
		_, err = put(kurrentdb.Any{}, event(n, of))
		check(err)
	}
	subscription, err := client.SubscribeToAll(ctx, kurrentdb.SubscribeToAllOptions{
		From:   kurrentdb.Start{},
		Filter: &kurrentdb.SubscriptionFilter{Type: kurrentdb.EventFilterType, Prefixes: []string{kind}},
	})
	check(err)
	seen, checkpoints := 0, 0
	for seen < 3 || checkpoints == 0 {
		one := subscription.Recv()
		if one.SubscriptionDropped != nil {
			panic(one.SubscriptionDropped.Error)
		}
		if one.EventAppeared != nil {
			seen++
		}
		if one.CheckPointReached != nil {
			checkpoints++
		}
	}
	check(subscription.Close())

	group := "workers"
	from := kurrentdb.PersistentStreamSubscriptionOptions{StartFrom: kurrentdb.Revision(30)}
	check(client.CreatePersistentSubscription(ctx, name, group, from))
	refused("group", client.CreatePersistentSubscription(ctx, name, group, from), kurrentdb.ErrorCodeResourceAlreadyExists)
	consumer, err := client.SubscribeToPersistentSubscription(ctx, name, group, kurrentdb.SubscribeToPersistentSubscriptionOptions{})
	check(err)
	// Maximum two are left in the stream.
	for n := range 3 {
		one := consumer.Recv()
		if one.SubscriptionDropped != nil {
			panic(one.SubscriptionDropped.Error)
		}
		switch {
		case n == 0:
			check(consumer.Nack("again", kurrentdb.NackActionRetry, one.EventAppeared.Event))
		default:
			check(consumer.Ack(one.EventAppeared.Event))
		}
	}
	check(consumer.Close())
	info, err := client.GetPersistentSubscriptionInfo(ctx, name, group, kurrentdb.GetPersistentSubscriptionOptions{})
	check(err)
	equal("group", info.GroupName, group)
	check(client.DeletePersistentSubscription(ctx, name, group, kurrentdb.DeletePersistentSubscriptionOptions{}))

	_, err = client.DeleteStream(ctx, name, kurrentdb.DeleteStreamOptions{StreamState: kurrentdb.Any{}})
	check(err)
	_, err = read(kurrentdb.ReadStreamOptions{From: kurrentdb.Start{}}, 10)
	refused("deleted", err, kurrentdb.ErrorCodeResourceNotFound)
	_, err = put(kurrentdb.NoStream{}, event(1, "counted"))
	check(err)
	_, err = client.TombstoneStream(ctx, name, kurrentdb.TombstoneStreamOptions{StreamState: kurrentdb.Any{}})
	check(err)
	_, err = read(kurrentdb.ReadStreamOptions{From: kurrentdb.Start{}}, 10)
	refused("tombstoned", err, kurrentdb.ErrorCodeStreamDeleted)
	check(client.Close())
	fmt.Print("done")
}
