// Go's TLS: `tls ADDRESS CA CERT KEY` makes handshakes of both versions, with and without a certificate of the client, and resumes sessions.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
)

func fail(format string, values ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", values...)
	os.Exit(1)
}

// get asks once over a connection of its own: the protocol, the status, and whether the session was continued.
func get(config *tls.Config, host, path string, http2 bool) (string, int, bool) {
	protocols := new(http.Protocols)
	protocols.SetHTTP2(http2)
	protocols.SetHTTP1(!http2)
	transport := &http.Transport{TLSClientConfig: config, Protocols: protocols, DisableKeepAlives: !http2}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequest("GET", "https://"+host+path, nil)
	if err != nil {
		fail("%v", err)
	}
	// The connection goes to an address; who is meant stands in the handshake and in the request.
	request.Host = config.ServerName
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		fail("%v", err)
	}
	io.Copy(io.Discard, response.Body)
	response.Body.Close()
	return response.Proto, response.StatusCode, response.TLS.DidResume
}

func main() {
	address, paths := os.Args[1], os.Args[2:]
	pem, err := os.ReadFile(paths[0])
	if err != nil {
		fail("%v", err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	pair, err := tls.LoadX509KeyPair(paths[1], paths[2])
	if err != nil {
		fail("%v", err)
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		base := tls.Config{RootCAs: roots, ServerName: "shop.example", MaxVersion: version, MinVersion: version}
		for _, h2 := range []bool{true, false} {
			config := base.Clone()
			config.ClientSessionCache = tls.NewLRUClientSessionCache(8)
			wanted := map[bool]string{true: "HTTP/2.0", false: "HTTP/1.1"}[h2]
			for round := range 3 {
				proto, status, resumed := get(config, address, "/", h2)
				if proto != wanted || status != 200 || resumed != (round > 0) {
					fail("%x %s: %d, round %d resumed %v", version, proto, status, round, resumed)
				}
			}
			asked := base.Clone()
			asked.ServerName = "admin.example"
			if _, status, _ := get(asked, address, "/", h2); status != 403 {
				fail("without a certificate: %d", status)
			}
			asked.Certificates = []tls.Certificate{pair}
			asked.ClientSessionCache = tls.NewLRUClientSessionCache(8)
			for range 2 {
				if _, status, resumed := get(asked, address, "/", h2); status != 200 || resumed {
					fail("with a certificate: %d, resumed %v", status, resumed)
				}
			}
		}
	}
	fmt.Println("passed")
}
