#!/bin/sh
# Type stubs of each board's MicroPython, for the type check of what touches the machine: the
# collar's in build/typings, the bridge's in build/typings-rp2.
set -eu
. "$(dirname "$0")/common.sh"

typings=$checkout/build/typings
fingerprint=$(cksum < "$checkout/requirements.lock")
[ "$(cat "$typings/.set-up" 2> /dev/null)" != "$fingerprint" ] || exit 0
say "Type stubs of the boards: installing into $typings and $typings-rp2 (a few seconds, once)"
make_work
install_stubs() {
    rm -rf "$1"
    run "pip install" "$python" -m pip install -q --disable-pip-version-check \
        -c "$checkout/requirements.lock" --target "$1" "$2" || die "the package $2"
}
install_stubs "$typings-rp2" 'micropython-rp2-stubs~=1.25.0'
install_stubs "$typings" 'micropython-stm32-stubs~=1.25.0'
echo "$fingerprint" > "$typings/.set-up"
