// net/http over HTTP/2 without TLS: `nethttp server` echoes and prints its port, `nethttp client URL` sends bodies of many sizes at once.
package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

func fail(format string, values ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", values...)
	os.Exit(1)
}

func onlyHTTP2() *http.Protocols {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	return protocols
}

func serve() {
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		fail("%v", err)
	}
	protocols := onlyHTTP2()
	protocols.SetHTTP1(true)
	server := &http.Server{Protocols: protocols, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Length")
		w.Header().Set("X-Protocol", r.Proto)
		// Over HTTP/1.1 this server reads nothing more once it has begun to answer.
		body := io.Reader(r.Body)
		if r.Method == http.MethodGet {
			body = strings.NewReader("something to read\n")
		} else if r.ProtoMajor == 1 {
			all, _ := io.ReadAll(r.Body)
			body = bytes.NewReader(all)
		}
		length, _ := io.Copy(w, body)
		w.Header().Set("X-Length", fmt.Sprint(length))
	})}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	fail("%v", server.Serve(listener))
}

func send(client *http.Client, url string, size int) error {
	body := make([]byte, size)
	rand.Read(body)
	response, err := client.Post(url, "application/octet-stream", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.ProtoMajor != 2 || !bytes.Equal(got, body) {
		return fmt.Errorf("%s: %d of %d bytes", response.Proto, len(got), size)
	}
	return nil
}

func main() {
	if len(os.Args) < 3 {
		serve()
	}
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{Protocols: onlyHTTP2()}}
	sizes := []int{0, 1, 1000, 16384, 16385, 65535, 200_000, 5_000_000}
	done := make(chan error)
	for round := range 64 {
		go func() { done <- send(client, os.Args[2], sizes[round%len(sizes)]) }()
	}
	for range 64 {
		if err := <-done; err != nil {
			fail("%v", err)
		}
	}
	fmt.Println("passed")
}
