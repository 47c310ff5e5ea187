#!/bin/sh
# Usage: check_size.sh SOURCE_DIR.  At most 600 lines a source file of product
# code and 200 a header (a contract and its comments): more than one reason to
# exist?
set -eu
cd "$1"
rc=0
list=$(mktemp)
trap 'rm -f "$list"' EXIT
find base vendor policy shim proxy launcher -name '*.[ch]' >"$list"
while read -r f; do
    n=$(wc -l <"$f")
    case $f in
    *.h) max=200 ;;
    *) max=600 ;;
    esac
    [ "$n" -le "$max" ] || { echo "$f: $n lines, limit $max" >&2; rc=1; }
done <"$list"
exit $rc
