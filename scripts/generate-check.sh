#!/usr/bin/env bash
# Runs `make generate` and fails when it changes the tree: generated files are committed with
# what they are made from. Works in a tree with uncommitted changes too.
set -euo pipefail
cd "$(dirname "$0")/.."

state() {
	git status --porcelain
	git diff
	git ls-files --others --exclude-standard -z | xargs -0 -r sha256sum
}

before=$(state)
make --no-print-directory generate
after=$(state)
if [[ $before != "$after" ]]; then
	echo "make generate changed the tree; commit what it wrote:" >&2
	diff <(echo "$before") <(echo "$after") | head -100 >&2 || true
	exit 1
fi
