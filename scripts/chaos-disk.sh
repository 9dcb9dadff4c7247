#!/usr/bin/env bash
# usage: scripts/chaos-disk.sh
# Fills real file systems under three nodes: ext4 in sparse files, mounted through loop devices.
# Needs root. The mounts and the processes are in namespaces of their own: nobody else sees the
# mounts, and both are gone when this ends, whatever ended it. CODEGRAPH_BIN is the directory of
# the binaries. RUN selects one part, e.g. RUN=/own-writing.
set -euo pipefail
cd "$(dirname "$0")/.."

# Fail with a message and a remedy; the last line is JSON in any case.
fail() {
	echo "chaos-disk: $1" >&2
	echo "chaos-disk: remedy: $2" >&2
	echo '{"missed": ["not run"]}'
	exit 1
}
[[ $(id -u) == 0 ]] || fail "this mounts file systems and needs root" "sudo make chaos-disk"
for tool in mkfs.ext4 mount unshare setpriv; do
	command -v "$tool" >/dev/null ||
		fail "$tool is not installed" "apt-get install e2fsprogs mount util-linux"
done

dir=$(mktemp -d "${TMPDIR:-/tmp}/codegraph-disk-XXXXXX")
child=
# shellcheck disable=SC2317 # the trap calls it
finish() {
	if [[ -n $child ]] && kill -KILL "$child" 2>/dev/null; then
		wait "$child" 2>/dev/null || true
	fi
	rm -rf --one-file-system "$dir"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP
mkdir "$dir/mnt"
truncate -s 16M "$dir/image"
mkfs.ext4 -q -F "$dir/image"
text=$(unshare --mount mount -o loop "$dir/image" "$dir/mnt" 2>&1) ||
	fail "loop devices cannot be mounted here: $text" \
		"run it on a machine or in a container that may mount (CAP_SYS_ADMIN, /dev/loop-control)"

go test -c -tags chaosroot -o "$dir/chaos.test" ./chaos
# Each dies with the one that started it: setpriv and unshare with this script, the test with
# unshare, the nodes with the test, which is the first process of its namespace.
cd chaos
FIGURES=$dir/figures TMPDIR=$dir setpriv --pdeathsig KILL \
	unshare --mount --pid --fork --kill-child --mount-proc \
	"$dir/chaos.test" -test.run "^TestFullDisk\$${RUN:-}" -test.v -test.timeout 660s &
child=$!
code=0
wait "$child" || code=$?
child=
if [[ ! -s $dir/figures ]]; then
	fail "the test ended with exit code $code and left no figures" "read what it printed above"
fi
echo
cat "$dir/figures"
exit "$code"
