#!/bin/sh
# shellcheck disable=SC2016 # names in single quotes are for apt and make, not for the shell
# usage: apt-src.sh DEST SUITE PKG...
# Downloads Debian source packages of any release into DEST/src, from the mirrors that this
# machine's apt already uses. Needs neither root nor dpkg-dev and changes nothing of the system's apt.
set -eu
dest=$1 suite=$2
shift 2
mkdir -p "$dest"
dest=$(cd "$dest" && pwd)
mkdir -p "$dest/state/lists/partial" "$dest/cache/archives/partial" "$dest/src"
: > "$dest/status"
key=/usr/share/keyrings/debian-archive-keyring.gpg
cat > "$dest/apt.conf" <<CONF
Dir::Etc::sourcelist "$dest/private.sources";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "$dest/state";
Dir::State::status "$dest/status";
Dir::Cache "$dest/cache";
APT::Sandbox::User "";
Acquire::Languages "none";
CONF
# --no-release-info: also where apt-get update never ran, as in container images
for base in $(apt-get indextargets --no-release-info --format '$(REPO_URI)' 'Created-By: Packages' |
    grep -v -e -security | sort -u); do
    printf 'Types: deb-src\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' \
        "$base" "$suite" "$key" > "$dest/private.sources"
    if apt-get -c "$dest/apt.conf" -q --error-on=any update; then
        cd "$dest/src"
        apt-get -c "$dest/apt.conf" -q source --download-only "$@"
        exit
    fi
done
echo "no Debian mirror in this machine's apt configuration serves sources of $suite" >&2
exit 1
