#!/bin/sh
# Chromium, for the tests that look at the map page as a person does. One that is installed is used;
# else root installs Debian's package.
# usage: chromium.sh          prepare it
#        chromium.sh --path   print where it is
set -eu
. "$(dirname "$0")/common.sh"

find_browser() {
    for candidate in "${CAPRA_CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable \
        "${HOME:-/nonexistent}"/.cache/ms-playwright/chromium-*/chrome-linux*/chrome; do
        if [ -n "$candidate" ] && command -v "$candidate"; then
            return
        fi
    done
}
found=$(find_browser)
if [ "${1:-}" = --path ]; then
    [ -n "$found" ] || die "Chromium; run '.ci/setup/chromium.sh'"
    echo "$found"
    exit
fi
if [ -z "$found" ]; then
    remedy="get it with: apt-get install chromium (as root), or set CAPRA_CHROMIUM to a browser's path"
    [ "$(id -u)" = 0 ] || die "Chromium, for the tests of the map page; $remedy"
    command -v apt-get > /dev/null || die "Chromium, for the tests of the map page; $remedy"
    say "Chromium: installing Debian's package (about 1 min, once)"
    make_work
    export DEBIAN_FRONTEND=noninteractive
    run "apt-get update" apt-get -q update || die "Debian's package lists; $remedy"
    run "apt-get install" apt-get -q -y install --no-install-recommends chromium fonts-dejavu-core || die "Chromium; $remedy"
    found=$(find_browser)
    [ -n "$found" ] || die "Chromium, though its package is installed; $remedy"
fi
say "Chromium: $found"
