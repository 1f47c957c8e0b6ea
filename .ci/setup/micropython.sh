#!/bin/sh
# shellcheck disable=SC2016 # names in single quotes are for apt and make, not for the shell
# The MicroPython unix port (1.24 or later), on which the collar's own code is tested.
# An installed one is used; else 1.25 is built from Debian's source package, once, into the cache.
# usage: micropython.sh          prepare it
#        micropython.sh --path   print where it is
set -eu
. "$(dirname "$0")/common.sh"

find_interpreter() {
    for candidate in "${CAPRA_MICROPYTHON:-}" "$cache"/micropython-*/micropython "$(command -v micropython || true)"; do
        [ -n "$candidate" ] && [ -x "$candidate" ] || continue
        if "$candidate" -c 'import sys; sys.exit(0 if sys.implementation.version[:2] >= (1, 24) else 1)'; then
            echo "$candidate"
            return
        fi
    done
}

found=$(find_interpreter)
if [ "${1:-}" = --path ]; then
    [ -n "$found" ] || die "the MicroPython unix port; run '.ci/setup/micropython.sh'"
    echo "$found"
    exit
fi
if [ -n "$found" ]; then
    say "MicroPython: $found"
    exit
fi

say "MicroPython: building the unix port from Debian's source package (about 1 min, once)"
for tool in gcc make; do
    command -v "$tool" > /dev/null || die "$tool, to build MicroPython; get it with: apt-get install gcc libc6-dev make"
done
make_work
fetch_source micropython || die "the sources of MicroPython; or install it: apt-get install micropython (Debian 13)"
jobs=$(nproc)
run "compiling mpy-cross" make -C "$work/micropython/mpy-cross" "-j$jobs"
# MPY_LIB_DIR names a folder that exists, so that no git submodule is asked for; asyncio is all that is frozen.
printf 'include("$(MPY_DIR)/extmod/asyncio")\n' > "$work/manifest.py"
run "compiling the unix port" make -C "$work/micropython/ports/unix" "-j$jobs" STRIP=true \
    "FROZEN_MANIFEST=$work/manifest.py" MPY_LIB_DIR=../../lib MICROPY_PY_SSL=0 MICROPY_PY_BTREE=0 \
    MICROPY_PY_FFI=0 MICROPY_SSL_AXTLS=0 MICROPY_SSL_MBEDTLS=0
built=$work/micropython/ports/unix/build-standard/micropython
version=$("$built" -c 'import sys; print("%d.%d.%d" % sys.implementation.version[:3])')
mkdir "$work/result"
cp "$built" "$work/result/micropython"
keep "$work/result" "micropython-$version"
say "MicroPython: $cache/micropython-$version/micropython"
