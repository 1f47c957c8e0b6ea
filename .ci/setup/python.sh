#!/bin/sh
# The project's Python packages in .venv, at the versions of requirements.lock.
# usage: python.sh demo    what the programs need
#        python.sh test    and what tests and checks need
#        python.sh bench   and the peers that benchmarks run beside ours
set -eu
. "$(dirname "$0")/common.sh"

kind=${1:-demo}
case $kind in
demo) what=. ;;
test) what='.[dev]' ;;
bench) what='.[dev,bench]' ;;
*) die "a kind of set-up: python.sh demo|test|bench, not '$kind'" ;;
esac

# What was installed, from which files and for which folder (a moved .venv is no good).
fingerprint=$(cat "$checkout/pyproject.toml" "$checkout/requirements.lock" "$0" | cksum)" $checkout"
installed() {
    [ -x "$python" ] && [ "$(cat "$venv/.set-up-$1" 2> /dev/null)" = "$fingerprint" ]
}
if installed "$kind" || installed bench || { [ "$kind" = demo ] && installed test; }; then
    say "Python packages: $venv"
    exit
fi

fits='import sys; sys.exit(not (3, 11) <= sys.version_info[:2])'
if ! { [ -x "$python" ] && "$python" -c "$fits" && "$python" -m pip --version; } > /dev/null 2>&1; then
    for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11; do
        if [ -n "$candidate" ] && command -v "$candidate" > /dev/null && "$candidate" -c "$fits"; then
            found=$candidate
            break
        fi
    done
    [ -n "${found:-}" ] || die "Python 3.11 or later; get it with: apt-get install python3 python3-venv"
    "$found" -c 'import ensurepip, venv' 2> /dev/null ||
        die "the module venv of $found; get it with: apt-get install python3-venv"
    rm -rf "$venv"
    "$found" -m venv "$venv"
fi
say "Python packages: installing into $venv (about 1 min, once)"
make_work
rm -f "$venv"/.set-up-*
cd "$checkout"
run "pip install" "$python" -m pip install -q --disable-pip-version-check -c requirements.lock -e "$what" ||
    die "packages that pip could not install (see above); it needs a package index and about 700 MB of disk"
echo "$fingerprint" > "$venv/.set-up-$kind"
