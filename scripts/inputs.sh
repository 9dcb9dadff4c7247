#!/usr/bin/env bash
# usage: scripts/inputs.sh [NAME...]
# Fetches the real sources that the questions and the ingest figures use, through the ordinary
# clients of their registries, into ${INPUTS:-.inputs}: NAME is the root to ingest, versions says
# what was fetched. What is there already stays. Without NAME all of them:
#   kubernetes  Go module k8s.io/kubernetes, a link into the module cache
#   std         the Go standard library of the toolchain, a link
#   django      Debian's python3-django, unpacked (no root needed)
#   rxjs        npm rxjs: package.json and src
#   effect      npm effect: package.json and src
set -euo pipefail
cd "$(dirname "$0")/.."

KUBERNETES=v1.36.3
RXJS=7.8.2
EFFECT=4.1.0
DJANGO=3:3.2.25-0+deb12u7

out=${INPUTS:-.inputs}
mkdir -p "$out"
out=$(cd "$out" && pwd)

say() { echo "inputs: $*" >&2; }
fail() {
	say "$1"
	say "remedy: $2"
	exit 1
}
need() { command -v "$1" >/dev/null || fail "$1 is not installed" "$2"; }

# record NAME VERSION: one line per input in the file versions.
record() {
	touch "$out/versions"
	{ grep -v "^$1 " "$out/versions" || true; echo "$1 $2"; } | sort >"$out/versions.new"
	mv "$out/versions.new" "$out/versions"
}

# have NAME VERSION: it is there in that version.
have() { [[ -e $out/$1 ]] && grep -qxF "$1 $2" "$out/versions" 2>/dev/null; }

kubernetes() {
	have kubernetes "$KUBERNETES" && return
	local json dir
	json=$(cd "$out" && GOFLAGS=-mod=mod GOWORK=off go mod download -json \
		"k8s.io/kubernetes@$KUBERNETES") || fail "k8s.io/kubernetes@$KUBERNETES: $json" \
		"see that the go command can download modules (go env GOPROXY)"
	dir=$(sed -n 's/^\t"Dir": "\(.*\)",$/\1/p' <<<"$json")
	[[ -d $dir ]] || fail "the module cache has no k8s.io/kubernetes@$KUBERNETES" "go clean -modcache"
	ln -sfn "$dir" "$out/kubernetes"
	record kubernetes "$KUBERNETES"
}

std() {
	ln -sfn "$(go env GOROOT)/src" "$out/std"
	record std "$(go env GOVERSION)"
}

django() {
	have django "$DJANGO" && return
	need apt-get "this input is Debian's package; on other systems unpack python3-django by hand"
	need dpkg-deb "apt-get install dpkg"
	local dir=$out/.django
	rm -rf "$dir"
	mkdir -p "$dir"
	(cd "$dir" && apt-get -qq download "python3-django=$DJANGO") ||
		fail "apt-get found no python3-django=$DJANGO" \
			"apt-get update as root; if Debian has a newer one, check the questions and raise DJANGO"
	dpkg-deb -x "$dir"/python3-django_*.deb "$dir/root"
	ln -sfn .django/root/usr/lib/python3/dist-packages "$out/django"
	record django "$DJANGO"
}

# from_npm NAME VERSION: package.json and src of a package.
from_npm() {
	have "$1" "$2" && return
	need npm "install Node.js with npm (Debian: apt-get install npm)"
	local dir=$out/.$1
	rm -rf "$dir" "${out:?}/$1"
	mkdir -p "$dir"
	npm pack --silent --pack-destination "$dir" "$1@$2" >/dev/null ||
		fail "npm found no $1@$2" "see that npm can reach its registry (npm config get registry)"
	tar -xzf "$dir/$1-$2.tgz" -C "$dir"
	mkdir -p "$out/$1"
	mv "$dir/package/package.json" "$dir/package/src" "$out/$1/"
	rm -rf "$dir"
	record "$1" "$2"
}

names=("$@")
[[ ${#names[@]} -gt 0 ]] || names=(kubernetes std django rxjs effect)
for name in "${names[@]}"; do
	case $name in
	kubernetes | std | django) "$name" ;;
	rxjs) from_npm rxjs "$RXJS" ;;
	effect) from_npm effect "$EFFECT" ;;
	*) fail "there is no input called $name" "write kubernetes, std, django, rxjs or effect" ;;
	esac
done
cat "$out/versions"
