// The interoperability tests of gRPC itself, as a server or as a client of one: `grpc server` prints its port, `grpc client HOST:PORT CASE...` runs cases.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/interop"
	testpb "google.golang.org/grpc/interop/grpc_testing"
)

type testCase func(ctx context.Context, client testpb.TestServiceClient, conn *grpc.ClientConn)

func on(run func(context.Context, testpb.TestServiceClient, ...grpc.CallOption)) testCase {
	return func(ctx context.Context, client testpb.TestServiceClient, _ *grpc.ClientConn) { run(ctx, client) }
}

var cases = map[string]testCase{
	"empty_unary":                 on(interop.DoEmptyUnaryCall),
	"large_unary":                 on(interop.DoLargeUnaryCall),
	"client_streaming":            on(interop.DoClientStreaming),
	"server_streaming":            on(interop.DoServerStreaming),
	"ping_pong":                   on(interop.DoPingPong),
	"empty_stream":                on(interop.DoEmptyStream),
	"timeout_on_sleeping_server":  on(interop.DoTimeoutOnSleepingServer),
	"cancel_after_begin":          on(interop.DoCancelAfterBegin),
	"cancel_after_first_response": on(interop.DoCancelAfterFirstResponse),
	"custom_metadata":             on(interop.DoCustomMetadata),
	"status_code_and_message":     on(interop.DoStatusCodeAndMessage),
	"special_status_message":      on(interop.DoSpecialStatusMessage),
	"unimplemented_method": func(ctx context.Context, _ testpb.TestServiceClient, conn *grpc.ClientConn) {
		interop.DoUnimplementedMethod(ctx, conn)
	},
	"unimplemented_service": func(ctx context.Context, _ testpb.TestServiceClient, conn *grpc.ClientConn) {
		interop.DoUnimplementedService(ctx, testpb.NewUnimplementedServiceClient(conn))
	},
	"health": func(ctx context.Context, _ testpb.TestServiceClient, conn *grpc.ClientConn) {
		answer, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{})
		if err != nil || answer.Status != healthpb.HealthCheckResponse_SERVING {
			fail("health: %v %v", answer, err)
		}
	},
	"many_at_once": manyAtOnce,
}

// A hundred calls at the same time, each with a payload of its own.
func manyAtOnce(ctx context.Context, client testpb.TestServiceClient, _ *grpc.ClientConn) {
	done := make(chan error, 100)
	for call := range 100 {
		go func() {
			body := make([]byte, call*1000)
			rand.Read(body)
			answer, err := client.UnaryCall(ctx, &testpb.SimpleRequest{
				ResponseType: testpb.PayloadType_COMPRESSABLE,
				ResponseSize: int32(call * 500),
				Payload:      &testpb.Payload{Body: body},
			})
			if err == nil && len(answer.GetPayload().GetBody()) != call*500 {
				err = fmt.Errorf("got %d bytes", len(answer.GetPayload().GetBody()))
			}
			done <- err
		}()
	}
	for range 100 {
		if err := <-done; err != nil {
			fail("many_at_once: %v", err)
		}
	}
}

func fail(format string, values ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", values...)
	os.Exit(1)
}

func serve() {
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		fail("%v", err)
	}
	server := grpc.NewServer()
	testpb.RegisterTestServiceServer(server, interop.NewTestServer())
	healthpb.RegisterHealthServer(server, health.NewServer())
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	if err := server.Serve(listener); err != nil {
		fail("%v", err)
	}
}

func run(target string, names []string) {
	conn, err := grpc.NewClient("passthrough:///"+target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		fail("%v", err)
	}
	defer conn.Close()
	if len(names) == 0 {
		for name := range cases {
			names = append(names, name)
		}
	}
	for _, name := range names {
		one, found := cases[name]
		if !found {
			fail("no case %s", name)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		one(ctx, testpb.NewTestServiceClient(conn), conn)
		cancel()
		fmt.Println("passed", name)
	}
}

func main() {
	if len(os.Args) > 2 && os.Args[1] == "client" {
		run(os.Args[2], os.Args[3:])
		return
	}
	serve()
}
