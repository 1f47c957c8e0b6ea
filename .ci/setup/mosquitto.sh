#!/bin/sh
# The MQTT broker Mosquitto, for the tests of the station's MQTT receiver. An installed one is used;
# else it is built from Debian's source package, once, into the cache: without TLS, for loopback.
# usage: mosquitto.sh          prepare it
#        mosquitto.sh --path   print where it is
set -eu
. "$(dirname "$0")/common.sh"

find_broker() {
    for candidate in "${CAPRA_MOSQUITTO:-}" "$cache"/mosquitto-*/mosquitto "$(command -v mosquitto || true)" /usr/sbin/mosquitto; do
        if [ -n "$candidate" ] && [ -x "$candidate" ]; then
            echo "$candidate"
            return
        fi
    done
}

found=$(find_broker)
if [ "${1:-}" = --path ]; then
    [ -n "$found" ] || die "the MQTT broker Mosquitto; run '.ci/setup/mosquitto.sh'"
    echo "$found"
    exit
fi
if [ -n "$found" ]; then
    say "Mosquitto: $found"
    exit
fi

say "Mosquitto: building it from Debian's source package (about 20 s, once)"
for tool in gcc make; do
    command -v "$tool" > /dev/null || die "$tool, to build Mosquitto; get it with: apt-get install gcc libc6-dev make"
done
make_work
fetch_source mosquitto || die "the sources of Mosquitto; or install it: apt-get install mosquitto"
# 2.0.21 looks at TLS files of a listener that it has only with TLS
sed -i 's/!!config->listeners\[i\]\.[a-z]*;/false;/' "$work/mosquitto/src/conf.c"
run "compiling the broker" make -C "$work/mosquitto/src" "-j$(nproc)" WITH_TLS=no WITH_TLS_PSK=no \
    WITH_CJSON=no WITH_WEBSOCKETS=no WITH_SRV=no WITH_SYSTEMD=no WITH_DOCS=no WITH_STRIP=yes \
    WITH_ADNS=no WITH_CONTROL=no WITH_SYS_TREE=no mosquitto
version=$("$work/mosquitto/src/mosquitto" -h | sed -n 's/^mosquitto version \([0-9.]*\).*/\1/p')
[ -n "$version" ] || die "Mosquitto: what was built does not run here"
mkdir "$work/result"
cp "$work/mosquitto/src/mosquitto" "$work/result/mosquitto"
keep "$work/result" "mosquitto-$version"
say "Mosquitto: $cache/mosquitto-$version/mosquitto"
