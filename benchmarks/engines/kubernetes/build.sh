#!/bin/bash
# Build Kubernetes 1.20.2 from Debian 12's source package, and unpack etcd and network plugins of
# Debian, once, below the folder CACHE.
#
#   build.sh CACHE
#
# Needs apt's mirror to have Debian 12 with its sources, golang-1.19, jq, rsync, dpkg-dev: 8 minutes
# of two cores and 2 GB; 500 MB are kept.  What is there already is not made again.  Nothing is
# installed: a package that is installed starts its service.
set -euo pipefail
cache=$(mkdir -p "$1" && cd "$1" && pwd)
programs="kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl"
is_whole() { for each in $programs; do [ -x "$cache/bin/$each" ] || return 1; done; }

exec 9>"$cache/lock"
flock 9

if ! [ -x "$cache/bin/etcd" ] || ! [ -d "$cache/cni" ]; then
    rm -rf "$cache/debian" "$cache/cni"
    mkdir -p "$cache/debian" "$cache/bin"
    (
        cd "$cache/debian"
        apt-get -q -o APT::Sandbox::User=root download etcd-server containernetworking-plugins
        for each in *.deb; do dpkg -x "$each" .; done
    )
    mv "$cache/debian/usr/lib/cni" "$cache/cni"
    mv "$cache/debian/usr/bin/etcd" "$cache/bin/etcd"
    rm -rf "$cache/debian"
fi
clear_away() {
    for each in source go home apt version download; do
        [ ! -e "$cache/$each" ] || chmod -R u+w "$cache/$each"  # Go's modules are read-only
        rm -rf "${cache:?}/$each"
    done
}
if is_whole; then
    clear_away
    exit 0
fi

# The source package's own lists, so that those of this machine stay as they are.
apt="$cache/apt"
mkdir -p "$apt/parts" "$apt/lists/partial"
: >"$apt/sources.list"
if [ -e /etc/apt/sources.list ]; then
    sed -n 's/^deb \(.*bookworm\)/deb-src \1/p' /etc/apt/sources.list >"$apt/sources.list"
fi
for each in /etc/apt/sources.list.d/*.sources; do
    if grep -q '^Suites:.*bookworm' "$each"; then
        sed 's/^Types: .*/Types: deb-src/' "$each" >"$apt/parts/${each##*/}"
    fi
done
options=(-o "Dir::Etc::SourceList=$apt/sources.list" -o "Dir::Etc::SourceParts=$apt/parts"
    -o "Dir::State::Lists=$apt/lists" -o "APT::Sandbox::User=root")

if ! [ -e "$cache/source/Makefile" ]; then
    apt-get "${options[@]}" -q update
    rm -rf "$cache/download" "$cache"/source*
    mkdir "$cache/download"
    (cd "$cache/download" && apt-get "${options[@]}" -q source kubernetes)
    mv "$cache"/download/kubernetes-*/ "$cache/source"
    rm -rf "$cache/download"
fi

cd "$cache/source"
# The package has no git checkout to ask for its version.
cat >"$cache/version" <<'VERSION'
KUBE_GIT_COMMIT=debian
KUBE_GIT_TREE_STATE=archive
KUBE_GIT_VERSION=v1.20.2
KUBE_GIT_MAJOR=1
KUBE_GIT_MINOR=20
VERSION
export PATH=/usr/lib/go-1.19/bin:$PATH GOPATH=$cache/go HOME=$cache/home
# All in one way: the packages that kubelet shares with the others are not compiled twice.
export KUBE_STATIC_OVERRIDES=kubelet
export CGO_ENABLED=0 GOFLAGS=-mod=vendor GO111MODULE=auto KUBE_GIT_VERSION_FILE=$cache/version
mkdir -p "$HOME" "$cache/bin"
what=""
for each in $programs; do what+="cmd/$each "; done
make WHAT="$what"
for each in $programs; do
    cp "_output/local/bin/linux/$(go env GOARCH)/$each" "$cache/bin/$each.part"
    mv "$cache/bin/$each.part" "$cache/bin/$each"
done
is_whole
cd "$cache"
clear_away
