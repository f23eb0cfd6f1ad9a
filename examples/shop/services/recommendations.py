"""What others bought: the shop's service in Python, standard library only.

It learns its address from PORT and the catalog's from CATALOG_URL, and knows nothing of Backplane.
"""

import json
import os
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CATALOG = os.environ.get("CATALOG_URL", "")
PASSED_ON = ("traceparent", "tracestate", "x-request-id")
CALL_TIMEOUT_S = 3
DRAIN_TIMEOUT_S = 5

ALSO_BOUGHT = {
    "anvil": ["hammock", "drum"],
    "balloon": ["kite", "globe"],
    "compass": ["globe", "lantern"],
    "drum": ["flute", "anvil"],
    "easel": ["inkwell", "lantern"],
    "flute": ["drum", "kite"],
    "globe": ["compass", "jigsaw"],
    "hammock": ["lantern", "flute"],
    "inkwell": ["easel", "compass"],
    "jigsaw": ["globe", "lantern"],
    "kite": ["balloon", "compass"],
    "lantern": ["hammock", "compass"],
}
POPULAR = ["lantern", "kite", "compass"]


class InFlight:
    """Counts the requests being answered, so that a stop can wait for them."""

    def __init__(self):
        self.count = 0
        self.changed = threading.Condition()

    def __enter__(self):
        with self.changed:
            self.count += 1

    def __exit__(self, *_):
        with self.changed:
            self.count -= 1
            self.changed.notify_all()

    def wait_for_none(self, timeout_s):
        with self.changed:
            self.changed.wait_for(lambda: self.count == 0, timeout_s)


in_flight = InFlight()


class Recommendations(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One write for head and body, and at once: otherwise Nagle's algorithm holds each answer back for 40 ms.
    wbufsize = -1
    disable_nagle_algorithm = True
    # A connection without a request is closed after this long; a proxy in front closes its idle ones earlier.
    timeout = 120

    def do_GET(self):
        with in_flight:
            started = time.monotonic()
            path = self.path.split("?")[0].rstrip("/")
            status, body = answer(path, self.headers)
            payload = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json; charset=utf-8")
            self.send_header("content-length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)
            self.wfile.flush()
            if path != "/health":
                log(
                    "info" if status < 500 else "error",
                    f"GET {path} {status}",
                    status=status,
                    ms=round((time.monotonic() - started) * 1000, 1),
                    requestId=self.headers.get("x-request-id"),
                )

    def log_message(self, *_):
        """The line of JSON above is enough."""


def answer(path, headers):
    if path == "/health":
        return 200, {"status": "ok"}
    parts = path.split("/")
    if len(parts) != 3 or parts[1] != "recommendations":
        return 404, {"error": f"nothing at GET {path}"}
    ids = POPULAR if parts[2] == "popular" else ALSO_BOUGHT.get(parts[2])
    if ids is None:
        return 404, {"error": f"no product is called {parts[2]}"}
    names = names_of_products(headers)
    if names is None:
        return 503, {"error": "the catalog did not answer"}
    return 200, {"products": [{"id": id, "name": names[id]} for id in ids if id in names]}


def names_of_products(headers):
    """Asks the catalog; what came with the request (who asks, which trace) goes along. None: it did not answer."""
    passed_on = {name: headers[name] for name in PASSED_ON if name in headers}
    request = urllib.request.Request(f"{CATALOG}/products", headers=passed_on)
    try:
        with urllib.request.urlopen(request, timeout=CALL_TIMEOUT_S) as response:
            products = json.load(response)["products"]
        return {product["id"]: product["name"] for product in products}
    except (urllib.error.URLError, OSError, ValueError, KeyError):
        return None


def log(level, message, **fields):
    line = {
        "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
        "level": level,
        "service": "recommendations",
        "message": message,
        **{name: value for name, value in fields.items() if value is not None},
    }
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def stop(*_):
    # Leaves serve_forever() at once, wherever it waits.
    raise SystemExit(0)


def main():
    if not CATALOG:
        sys.exit("CATALOG_URL is not set: start this with `backplane up`, or set it")
    ThreadingHTTPServer.daemon_threads = True
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "0"))), Recommendations)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    log("info", "listening", port=server.server_address[1])
    try:
        server.serve_forever()
    finally:
        server.socket.close()
        in_flight.wait_for_none(DRAIN_TIMEOUT_S)


if __name__ == "__main__":
    main()
