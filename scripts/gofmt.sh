#!/usr/bin/env bash
# Fails when a Go file of ours is not formatted; names the files and the remedy.
set -euo pipefail
cd "$(dirname "$0")/.."

mapfile -t files < <(git ls-files --cached --others --exclude-standard -- '*.go' | grep -v '/testdata/')
existing=()
for f in "${files[@]}"; do
	[[ -e $f ]] && existing+=("$f")
done
bad=$(gofmt -l "${existing[@]}")
if [[ -n $bad ]]; then
	echo "not formatted (remedy: gofmt -w <file>):" >&2
	echo "$bad" >&2
	exit 1
fi
