# Shared by the set-up steps: where things lie, how a step speaks, how a long command shows progress.
# Sourced, never run: . "$(dirname "$0")/common.sh"
# shellcheck shell=sh

checkout=$(cd "$(dirname "$0")/../.." && pwd)
venv=$checkout/.venv
# shellcheck disable=SC2034
python=$venv/bin/python

if [ -n "${CAPRA_CACHE:-}" ]; then
    cache=$CAPRA_CACHE
elif [ "$(id -u)" = 0 ]; then
    cache=/var/cache/capra
else
    cache=${XDG_CACHE_HOME:-$HOME/.cache}/capra
fi

say() { printf 'setup: %s\n' "$*"; }
die() {
    printf 'setup: MISSING: %s\n' "$*" >&2
    exit 1
}

no_cache() {
    die "a place for what is built: $cache cannot be $1; set CAPRA_CACHE to a folder of your own," \
        "such as \$HOME/capra-cache"
}
mkdir -p "$cache" 2> /dev/null || no_cache made
cache=$(cd "$cache" 2> /dev/null && pwd) || no_cache entered

# A private build folder whose path holds no blank (make and cmake cannot quote one); gone at exit.
make_work() {
    case ${TMPDIR:-/tmp} in
    *[[:space:]]*) work=$(mktemp -d /tmp/capra-build.XXXXXX) ;;
    *) work=$(mktemp -d "${TMPDIR:-/tmp}/capra-build.XXXXXX") ;;
    esac
    job=
    trap 'rm -rf "$work"' EXIT
    trap '[ -z "$job" ] || kill "$job" 2>/dev/null; exit 130' INT TERM
}

# run LABEL COMMAND...: output into $work/log; a line every 15 s; on failure the log's end.
run() {
    label=$1 began=$(date +%s) ticks=0
    shift
    "$@" >> "$work/log" 2>&1 &
    job=$!
    while kill -0 "$job" 2>/dev/null; do
        sleep 0.2
        ticks=$((ticks + 1))
        [ $((ticks % 75)) -ne 0 ] || say "  $label ... $(($(date +%s) - began)) s"
    done
    status=0
    wait "$job" || status=$?
    job=
    if [ "$status" -ne 0 ]; then
        say "  $label failed (exit $status); the end of its output:" >&2
        tail -n 25 "$work/log" >&2
        return "$status"
    fi
    say "  $label: $(($(date +%s) - began)) s"
}

# fetch_source PACKAGE: Debian's source archive unpacked (unpatched) into $work/PACKAGE.
fetch_source() {
    [ -w "$cache" ] || no_cache written # told before minutes of building, not after
    command -v apt-get > /dev/null || { say "  no apt-get here to fetch the sources of $1" >&2; return 1; }
    run "fetching the sources of $1" "$checkout/.ci/setup/apt-src.sh" "$work/apt" trixie "$1" || return 1
    "$python" -c '
import pathlib, sys, tarfile
archive = next(pathlib.Path(sys.argv[1]).glob(sys.argv[3] + "_*.orig.tar.*"))
safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # absent before 3.11.4
tarfile.open(archive).extractall(sys.argv[2] + "/unpacked", **safely)
(top,) = pathlib.Path(sys.argv[2], "unpacked").iterdir()
top.rename(pathlib.Path(sys.argv[2], sys.argv[3]))
' "$work/apt/src" "$work" "$1"
}

# keep FOLDER NAME: move a finished folder into the cache in one step; whoever comes second keeps the first's.
keep() {
    chmod -R a+rX "$1"
    staged=$(mktemp -d "$cache/.new.XXXXXX")
    cp -a "$1" "$staged/$2"
    chmod 755 "$staged/$2"
    sync
    mv -T "$staged/$2" "$cache/$2" 2> /dev/null || [ -d "$cache/$2" ]
    rm -rf "$staged"
}
