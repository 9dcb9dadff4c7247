#!/usr/bin/env bash
# Installs what the Makefile needs beside Go into bin/tools. Does nothing if it is there.
set -euo pipefail
cd "$(dirname "$0")/.."

BUF_VERSION=1.75.0
BUF=bin/tools/node_modules/.bin/buf

if [[ -x $BUF && $("$BUF" --version 2>&1) == "$BUF_VERSION" ]]; then
	exit 0
fi
if ! command -v npm >/dev/null; then
	echo "tools: npm is not installed; it brings buf (Debian: apt-get install npm)" >&2
	exit 1
fi
mkdir -p bin/tools
npm install --prefix bin/tools --no-save --no-audit --no-fund --loglevel=error \
	"@bufbuild/buf@$BUF_VERSION"
"$BUF" --version
