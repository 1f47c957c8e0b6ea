#!/bin/sh
# Type stubs of the board's MicroPython in build/typings, for the type check of firmware/boards.
set -eu
. "$(dirname "$0")/common.sh"

typings=$checkout/build/typings
fingerprint=$(cksum < "$checkout/requirements.lock")
[ "$(cat "$typings/.set-up" 2> /dev/null)" != "$fingerprint" ] || exit 0
say "Type stubs of the board: installing into $typings (a few seconds, once)"
make_work
rm -rf "$typings"
run "pip install" "$python" -m pip install -q --disable-pip-version-check -c "$checkout/requirements.lock" \
    --target "$typings" micropython-stm32-stubs || die "the package micropython-stm32-stubs"
echo "$fingerprint" > "$typings/.set-up"
