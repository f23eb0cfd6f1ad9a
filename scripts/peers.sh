#!/bin/sh
# Installs what tests and benchmarks compare with, from Debian's packages: `npm run peers`, as root.
# Daemons do not start themselves, and what is there already costs nothing.
set -eu

# A program (or, for what is no program, a file), and the package that brings it.
peers='
nginx:nginx
haproxy:haproxy
caddy:caddy
wrk:wrk
chromium:chromium
python3:python3
h2load:nghttp2-client
dig:dnsutils
dnsperf:dnsperf
dnsmasq:dnsmasq-base
pebble:pebble
testssl:testssl.sh
sslscan:sslscan
prometheus:prometheus
prometheus-alertmanager:prometheus-alertmanager
patroni:patroni
/usr/lib/postgresql:postgresql
/usr/lib/python3/dist-packages/consul:python3-consul
'

# /usr/sbin is not on the PATH of everybody, and nginx and haproxy live there.
PATH=$PATH:/usr/sbin:/sbin
missing=
for peer in $peers; do
  case $peer in
    /*) [ -e "${peer%%:*}" ] ;;
    *) command -v "${peer%%:*}" >/dev/null 2>&1 ;;
  esac || missing="$missing ${peer#*:}"
done
if [ -z "$missing" ]; then
  echo 'peers: all there'
  exit 0
fi

if ! command -v apt-get >/dev/null 2>&1; then
  echo "peers: missing:$missing. This machine has no apt-get: install them its own way. Tests that need them are skipped." >&2
  exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "peers: missing:$missing. Installing them needs root: sudo npm run peers. Tests that need them are skipped." >&2
  exit 1
fi

# Debian asks policy-rc.d before it starts a daemon; 101 is "no". The previous answer comes back at the end.
policy=/usr/sbin/policy-rc.d
saved=$policy.before-peers.$$
restore() {
  rm -f "$policy"
  if [ -e "$saved" ]; then mv "$saved" "$policy"; fi
}
if [ -e "$policy" ]; then cp -p "$policy" "$saved"; fi
trap restore EXIT
trap 'exit 130' INT TERM HUP
printf '#!/bin/sh\nexit 101\n' >"$policy.new.$$"
chmod 755 "$policy.new.$$"
mv "$policy.new.$$" "$policy"

export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
# shellcheck disable=SC2086 # one word a package is meant
apt-get -qq install -y --no-install-recommends $missing >/dev/null
echo "peers: installed$missing"
