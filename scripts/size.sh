#!/usr/bin/env bash
# Prints the size of each binary and fails when one is larger than its bar in docs/size.txt.
# `scripts/size.sh --update` sets the bars to the present sizes plus 2 %, rounded up to 0.1 MB;
# raise a bar only in a commit that says what the bytes buy.
set -euo pipefail
cd "$(dirname "$0")/.."

BARS=docs/size.txt
missed=()
json=()
[[ ${1:-} == --update ]] && update=yes || update=
new="# binary  largest size in bytes (make size)"$'\n'
printf '%-12s %14s %14s\n' binary bytes bar
for name in codegraphd cgctl; do
	if [[ ! -f bin/$name ]]; then
		echo "size: bin/$name is not there; run make build" >&2
		exit 1
	fi
	size=$(stat -c %s "bin/$name")
	bar=$(awk -v n="$name" '$1 == n { print $2 }' "$BARS" 2>/dev/null || true)
	if [[ -n $update ]]; then
		bar=$(((size * 102 / 100 / 100000 + 1) * 100000))
		new+="$name $bar"$'\n'
	fi
	printf '%-12s %14d %14s\n' "$name" "$size" "${bar:-none}"
	json+=("\"$name\": $size")
	if [[ -z $bar || $size -gt $bar ]]; then
		missed+=("\"$name\"")
	fi
done
[[ -n $update ]] && printf '%s' "$new" >"$BARS"
join() { local IFS=,; echo "$*"; }
echo "{$(join "${json[@]}"), \"missed\": [$(join "${missed[@]}")]}"
if [[ ${#missed[@]} -gt 0 ]]; then
	echo "size: over the bar in $BARS: find what grew, or raise the bar and say why" >&2
	exit 1
fi
