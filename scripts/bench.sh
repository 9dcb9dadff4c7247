#!/usr/bin/env bash
# usage: scripts/bench.sh [REPO]
# Starts a fresh cluster in a directory of its own, ingests REPO and measures from outside: wall
# time, CPU seconds and peak memory of all processes, bytes on disk. Ends the cluster. The bars
# are those of docs/ACCEPTANCE.md and hold for inputs of 200,000 lines and more, where the fixed
# costs no longer show; BAR_LINES and BAR_MEMORY_MB set others. FLAGS adds flags to `dev up`.
set -euo pipefail

repo=$(cd "${1:-.}" && pwd)
cd "$(dirname "$0")/.."
nodes=${NODES:-3}
bar_lines=${BAR_LINES:-20000}
bar_memory=${BAR_MEMORY_MB:-4096}
read -r -a flags <<<"${FLAGS:-}"

dir=$(mktemp -d "${TMPDIR:-/tmp}/codegraph-bench.XXXXXX")
finish() {
	bin/cgctl dev down --dir "$dir" >/dev/null 2>&1 || true
	rm -rf "$dir"
}
trap finish EXIT

# The nodes of this cluster and no others: their command lines name its directory.
node_pids() { pgrep -f -- "codegraphd.*$dir" || true; }

# cpu_ticks PID...: user and system time so far, in clock ticks.
cpu_ticks() {
	local pid sum=0 user system
	for pid in "$@"; do
		read -r user system < <(sed 's/.*) //' "/proc/$pid/stat" | awk '{ print $12, $13 }')
		sum=$((sum + user + system))
	done
	echo "$sum"
}

# peak_mb PID...: sum of the largest resident sizes, in MB.
peak_mb() {
	local pid
	for pid in "$@"; do
		awk '/^VmHWM:/ { print $2 }' "/proc/$pid/status" 2>/dev/null || true
	done | awk '{ kb += $1 } END { printf "%d", kb / 1024 }'
}

# field NAME: a number of the ingest's JSON summary.
field() {
	grep -o "\"$1\": *[0-9]*" "$dir/ingest.json" | head -1 | grep -o '[0-9]*$' || echo 0
}

bin/cgctl dev up --nodes "$nodes" --dir "$dir" "${flags[@]}" >&2
address=$(bin/cgctl dev status --dir "$dir" -o json | grep -o '127\.0\.0\.1:[0-9]*' | head -1)
mapfile -t pids < <(node_pids)
if [[ ${#pids[@]} -ne $nodes ]]; then
	echo "bench: found ${#pids[@]} of $nodes nodes" >&2
	exit 1
fi

ticks=$(cpu_ticks "${pids[@]}")
began=$(date +%s%N)
bin/cgctl --address "$address" ingest "$repo" -o json >"$dir/ingest.json" &
client=$!
client_mb=0 client_ticks=0
while kill -0 "$client" 2>/dev/null; do
	now=$(peak_mb "$client")
	((now > client_mb)) && client_mb=$now
	client_ticks=$(cpu_ticks "$client" 2>/dev/null || echo "$client_ticks")
	sleep 0.1
done
wait "$client"
wall_ms=$((($(date +%s%N) - began) / 1000000))
ticks=$(($(cpu_ticks "${pids[@]}") - ticks + client_ticks))
memory=$(($(peak_mb "${pids[@]}") + client_mb))
disk=$(du -sm "$dir" | cut -f1)
lines=$(field lines)
rate=$((lines * 1000 / (wall_ms > 0 ? wall_ms : 1)))
cpu=$(awk -v t="$ticks" -v hz="$(getconf CLK_TCK)" 'BEGIN { printf "%.1f", t / hz }')
wall=$(awk -v ms="$wall_ms" 'BEGIN { printf "%.1f", ms / 1000 }')

missed=()
if [[ $lines -eq 0 ]]; then
	missed+=('"lines"')
elif [[ $lines -ge 200000 ]]; then
	[[ $rate -ge $bar_lines ]] || missed+=('"lines_per_s"')
	[[ $memory -le $bar_memory ]] || missed+=('"memory_mb"')
fi

row() { printf '%-14s %14s  %s\n' "$@"; }
row files "$(field files)" ""
row lines "$lines" "of files whose facts were stored"
row vertices "$(field vertices)" ""
row edges "$(field edges)" ""
row wall_s "$wall" ""
row cpu_s "$cpu" "all processes"
row lines_per_s "$rate" "bar $bar_lines"
row memory_mb "$memory" "peak of all processes, bar $bar_memory"
row disk_mb "$disk" "all replicas"
join() { local IFS=,; echo "$*"; }
printf '{"nodes": %d, "files": %d, "lines": %d, "vertices": %d, "edges": %d, ' "$nodes" \
	"$(field files)" "$lines" "$(field vertices)" "$(field edges)"
printf '"wall_s": %s, "cpu_s": %s, "lines_per_s": %d, "memory_mb": %d, "disk_mb": %d, ' "$wall" \
	"$cpu" "$rate" "$memory" "$disk"
printf '"missed": [%s]}\n' "$(join "${missed[@]}")"
[[ ${#missed[@]} -eq 0 ]]
