#!/bin/sh
# Usage: check_rules.sh SOURCE_DIR.  The built-in rules that the code names are
# those that docs/events.md explains, and the other way round.
set -eu
cd "$1"
code=$(mktemp)
docs=$(mktemp)
trap 'rm -f "$code" "$docs"' EXIT
names='builtin:[a-z][a-z0-9-]*\(/own\|/policy\)\{0,1\}'
grep -rho "\"$names" policy launcher proxy --include='*.c' | tr -d '"' | sort -u >"$code"
grep -o "$names" docs/events.md | sort -u >"$docs"
if ! diff "$code" "$docs" >&2; then
    echo "docs/events.md and the code name different built-in rules" >&2
    exit 1
fi
