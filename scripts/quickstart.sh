#!/usr/bin/env bash
# usage: scripts/quickstart.sh [REPO]
# Builds, starts a local cluster, ingests REPO (default: this repository) and asks five questions.
# The cluster stays; `make quickstart-down` ends it. NODES=n starts another number of nodes.
set -euo pipefail

repo=$(cd "${1:-.}" 2>/dev/null && pwd) || {
	echo "quickstart: no such directory: $1 (REPO=path names the repository to ingest)" >&2
	exit 2
}
cd "$(dirname "$0")/.."
nodes=${NODES:-3}
began=$SECONDS

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
run() {
	printf '$ bin/cgctl'
	printf ' %s' "${@@Q}"
	printf '\n'
	bin/cgctl "$@"
}
failed() {
	echo "quickstart: stopped at line $1. bin/cgctl dev status says how the nodes are;" \
		"make quickstart-down ends them." >&2
}
trap 'failed $LINENO' ERR

say "Building"
make --no-print-directory build

say "Starting $nodes nodes"
run dev up --nodes "$nodes"

say "Taking in $repo"
run ingest "$repo"

say "1. What is in it?"
run query 'MATCH (s:Symbol) RETURN s.kind AS kind, count(*) AS symbols ORDER BY symbols DESC LIMIT 8'

say "2. Which functions have the most callers?"
most_called='MATCH (a)-[:CALLS]->(f:Callable)'
run query "$most_called RETURN f.qualified_name AS callable, count(*) AS callers,
  f.path AS path, f.line AS line ORDER BY callers DESC, path, line LIMIT 5"

# The first of them, as path:line: the last line of the table is its only row.
top=$(bin/cgctl query -o table "$most_called RETURN count(*) AS callers, f.path AS path,
  f.line AS line ORDER BY callers DESC, path, line LIMIT 1" 2>/dev/null |
	awk 'NF { row = $0 } END { n = split(row, f); print f[n - 1] ":" f[n] }')

say "3. Who calls the first of them?"
run callers "$top" --limit 8

say "4. What could break if it changed?"
run impact "$top" --limit 8

say "5. Where is everything that has 'parse' in its name?"
run search parse --limit 8

cat <<EOF

Done in $((SECONDS - began)) s; the $nodes nodes go on running. To go on:

  bin/cgctl shell                          ask in Cypher, with history
  bin/cgctl callees $top
  bin/cgctl query 'MATCH (a:Function)-[:CALLS*1..3]->(b) RETURN b.qualified_name LIMIT 10'
  bin/cgctl ingest path/to/another/repository
  bin/cgctl status                         nodes, shards, leaders
  make quickstart-down                     end the cluster
EOF
