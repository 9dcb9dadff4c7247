#!/usr/bin/env bash
# usage: scripts/chaos.sh cell W7/kill | ci | nightly 3/12
# Runs cells of the matrix in chaos/cell on real nodes: network namespaces, file systems of their own.
# Needs root and loop mounts. CODEGRAPH_BIN is the directory of the binaries (default bin/), SEED and
# TIME (of the faults) choose the run, OUT is where runs are kept (default .chaos). Nothing stays
# behind, whatever ended this. The last line is one JSON object; the exit code is 0 only if every
# verdict is true.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
	echo "chaos: $1" >&2
	echo "chaos: remedy: $2" >&2
	echo '{"missed": ["not run"]}'
	exit 1
}

[[ $(uname) == Linux ]] || fail "this needs Linux" "run it in a virtual machine"
[[ $(id -u) == 0 ]] || fail "this makes namespaces and mounts and needs root" "sudo make chaos-ci"
if ! command -v iptables >/dev/null && command -v apt-get >/dev/null; then
	echo "chaos: installing iptables" >&2
	apt-get install -y --no-install-recommends iptables >/dev/null 2>&1 ||
		{ apt-get update && apt-get install -y --no-install-recommends iptables; } >/dev/null 2>&1 ||
		fail "iptables cannot be installed" "install it"
fi
for tool in ip iptables mkfs.ext4 mount cp; do
	command -v "$tool" >/dev/null ||
		fail "$tool is not installed" "apt-get install iproute2 iptables e2fsprogs mount coreutils"
done
dir=$(mktemp -d "${TMPDIR:-/tmp}/codegraph-chaos-try-XXXXXX")
mkdir "$dir/mnt"
truncate -s 16M "$dir/image"
mkfs.ext4 -q -F "$dir/image"
text=$(unshare --mount --net mount -o loop "$dir/image" "$dir/mnt" 2>&1) || {
	rm -rf --one-file-system "$dir"
	fail "loop devices cannot be mounted here: $text" \
		"run it on a machine or in a container that may mount (CAP_SYS_ADMIN, /dev/loop-control)"
}
rm -rf --one-file-system "$dir"

export CODEGRAPH_BIN=${CODEGRAPH_BIN:-$PWD/bin}
[[ -x $CODEGRAPH_BIN/codegraphd ]] || fail "there is no codegraphd in $CODEGRAPH_BIN" "make build"
mkdir -p bin
go build -o bin/chaos ./chaos/cmd/chaos
commit=$(git describe --always --dirty --abbrev=12 2>/dev/null || echo unknown)
commits=$(git rev-list --count HEAD 2>/dev/null || echo 0)
out=${OUT:-.chaos}

case ${1:-} in
cell)
	exec bin/chaos cell --cell "${2:?a cell, e.g. W7/kill}" --seed "${SEED:-1}" \
		--time "${TIME:-45s}" --commit "$commit" --root "$out"
	;;
ci)
	go test -count=1 -tags chaosroot ./chaos/rig || fail "the faults do nothing" "read what is above"
	exec bin/chaos ci --commits "$commits" --seed "${SEED:-$commits}" --time "${TIME:-30s}" \
		--budget 12m --commit "$commit" --root "$out"
	;;
nightly)
	exec bin/chaos nightly --part "${2:?a part, e.g. 3/12}" --seed "${SEED:-$commits}" \
		--time "${TIME:-3m}" --commit "$commit" --root "$out" --results chaos/RESULTS.md
	;;
*)
	fail "there is no part ${1:-}" "scripts/chaos.sh cell W7/kill | ci | nightly 3/12"
	;;
esac
