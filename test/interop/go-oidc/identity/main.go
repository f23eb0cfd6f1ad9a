// golang.org/x/oauth2 and go-oidc as a client: client credentials, the code flow with PKCE, a refresh, the device flow's start, and the ID token.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Arguments: issuer, and a URL that signs Ada in for an authorization URL and answers where that led.
func main() {
	ctx := context.Background()
	issuer, pages := os.Args[1], os.Args[2]
	provider, err := oidc.NewProvider(ctx, issuer)
	must(err)

	own := clientcredentials.Config{
		ClientID: "nightly", ClientSecret: "secret of nightly",
		TokenURL: provider.Endpoint().TokenURL, Scopes: []string{"orders:read"},
	}
	token, err := own.Token(ctx)
	must(err)
	keys := oidc.NewRemoteKeySet(ctx, issuer+"/jwks")
	access := oidc.NewVerifier(issuer, keys, &oidc.Config{ClientID: "urn:backplane:shop", SupportedSigningAlgs: []string{"ES256"}})
	_, err = access.Verify(ctx, token.AccessToken)
	must(err)

	config := oauth2.Config{
		ClientID: "web", ClientSecret: "secret of web", Endpoint: provider.Endpoint(),
		RedirectURL: "http://localhost:9/back", Scopes: []string{oidc.ScopeOpenID, "email", "orders:read"},
	}
	verifier := oauth2.GenerateVerifier()
	ask := config.AuthCodeURL("state", oidc.Nonce("nonce"), oauth2.S256ChallengeOption(verifier))
	answer, err := http.Get(pages + "?url=" + url.QueryEscape(ask))
	must(err)
	var led struct{ Away string }
	must(json.NewDecoder(answer.Body).Decode(&led))
	back, err := url.Parse(led.Away)
	must(err)
	code := back.Query().Get("code")
	person, err := config.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	must(err)
	raw, _ := person.Extra("id_token").(string)
	id, err := provider.Verifier(&oidc.Config{ClientID: "web"}).Verify(ctx, raw)
	must(err)
	var claims struct{ Email string }
	must(id.Claims(&claims))
	if claims.Email != "ada@example.com" || id.Nonce != "nonce" {
		must(fmt.Errorf("claims %+v", claims))
	}
	next, err := config.TokenSource(ctx, &oauth2.Token{RefreshToken: person.RefreshToken}).Token()
	must(err)
	_, err = access.Verify(ctx, next.AccessToken)
	must(err)
	_, err = config.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err == nil || !strings.Contains(err.Error(), "invalid_grant") {
		must(fmt.Errorf("a code twice: %v", err))
	}
	fmt.Print("done")
}
