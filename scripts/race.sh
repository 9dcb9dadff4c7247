#!/usr/bin/env bash
# Runs the race detector over every package that has tests and does not reach tree-sitter: its C
# code would be compiled again and is not what we look for. Packages that only start binaries
# gain nothing from it either.
set -euo pipefail
cd "$(dirname "$0")/.."

tested=$(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./...)
packages=()
while read -r pkg; do
	case $pkg in
	*/cmd/* | */internal/lint | */internal/localcluster | */bench | */chaos | */internal/notices | \
		*/internal/schemadoc)
		continue ;;
	esac
	deps=$(go list -deps -test "$pkg")
	[[ $deps == *smacker/go-tree-sitter* ]] && continue
	packages+=("$pkg")
done < <(grep . <<<"$tested")
if [[ ${#packages[@]} -eq 0 ]]; then
	echo "race: no package found" >&2
	exit 1
fi
printf 'race: %s\n' "${packages[@]}"
go test -race -timeout "${RACE_TIMEOUT:-20m}" "${packages[@]}"
