# authlib as a client: client credentials, the code flow with PKCE, the ID token, a refresh, introspection, revocation.
import json
import sys
import time
import urllib.parse
import urllib.request

from authlib.integrations.requests_client import OAuth2Session
from authlib.jose import JsonWebKey, jwt

issuer, pages = sys.argv[1], sys.argv[2]


def get(url):
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)


metadata = get(issuer + "/.well-known/openid-configuration")
keys = JsonWebKey.import_key_set(get(metadata["jwks_uri"]))

own = OAuth2Session("nightly", "secret of nightly", scope="orders:read")
token = own.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
claims = jwt.decode(token["access_token"], keys)
claims.validate()
assert claims["aud"] == "urn:backplane:shop", claims

verifier = "v" * 48
person = OAuth2Session(
    "web",
    "secret of web",
    scope="openid email orders:read",
    redirect_uri="http://localhost:9/back",
    code_challenge_method="S256",
)
url, state = person.create_authorization_url(
    metadata["authorization_endpoint"], code_verifier=verifier, nonce="nonce"
)
led = get(pages + "?url=" + urllib.parse.quote(url, safe=""))["Away"]
token = person.fetch_token(
    metadata["token_endpoint"], authorization_response=led, code_verifier=verifier, state=state
)
identity = jwt.decode(token["id_token"], keys)
identity.validate(now=int(time.time()))
assert identity["email"] == "ada@example.com" and identity["nonce"] == "nonce", identity
first = token["refresh_token"]
token = person.refresh_token(metadata["token_endpoint"], first)
assert token["access_token"]
seen = person.introspect_token(metadata["introspection_endpoint"], first).json()
assert seen["active"] is True, seen
person.revoke_token(metadata["revocation_endpoint"], first)
seen = person.introspect_token(metadata["introspection_endpoint"], first).json()
assert seen == {"active": False}, seen
print("done", end="")
