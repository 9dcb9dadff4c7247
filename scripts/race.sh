#!/usr/bin/env bash
# Runs the race detector over every package that has tests and does not reach tree-sitter: its C
# code would be compiled again and is not what we look for. Packages that only start binaries
# gain nothing from it either.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=()
while read -r pkg; do
	case $pkg in
	*/cmd/* | */internal/lint | */internal/localcluster | */bench | */chaos | */internal/notices)
		continue ;;
	esac
	if go list -deps -test "$pkg" | grep -q smacker/go-tree-sitter; then
		continue
	fi
	packages+=("$pkg")
done < <(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./... | grep .)
if [[ ${#packages[@]} -eq 0 ]]; then
	echo "race: no package found" >&2
	exit 1
fi
printf 'race: %s\n' "${packages[@]}"
go test -race -timeout "${RACE_TIMEOUT:-20m}" "${packages[@]}"
