#!/bin/sh
# Usage: check_symbols.sh BUILD_DIR.  Every external symbol of a module's
# objects must start with one of the module's prefixes: DIRECTORY PREFIXES.
# In launcher/linux a file's own name is the prefix.  The shim's library imports
# and exports exactly what shim/imports.txt and shim/exports.map say.
set -eu
rc=0
shim=$(dirname "$0")/../shim
lib=$1/lib/libsrtshim.so
symbols=$(mktemp)
trap 'rm -f "$symbols"' EXIT
exports=$(sed -n '/global:/,/local:/p' "$shim/exports.map" |
          sed 's/local:.*//; s/global://' | tr -d ' ' | tr ';' '\n' | grep .)

# same NAME NM_FLAG: what nm says of the library is what stands in $symbols.
same() {
    nm -D "$2" "$lib" | sed 's/.* //; s/@.*//' | sort -u >"$symbols.nm"
    sort -u "$symbols" | diff -u --label "shim/$1" --label "$lib" - \
        "$symbols.nm" >&2 || rc=1
    rm -f "$symbols.nm"
}
cp "$shim/imports.txt" "$symbols"
same imports.txt --undefined-only
echo "$exports" >"$symbols"
same exports.map --defined-only

find "$1/CMakeFiles" "$1/shim/CMakeFiles" -name '*.c.o' | sort | {
    while read -r object; do
        file=${object#*.dir/}
        file=${file%.c.o}
        case $object in
        */srtshim.dir/*) file=shim/$file ;;
        esac
        case $file in
        # What compilers call, hidden, and the interposed functions.
        shim/core) prefix='shim_|(memcpy|memset|memcmp|strlen)$' ;;
        shim/calls) prefix="($(echo "$exports" | paste -sd'|' -))\$" ;;
        shim/*) prefix='shim_' ;;
        base/*) prefix='srt_' ;;
        vendor/*) prefix='vnd_' ;;
        policy/*) prefix='policy_' ;;
        proxy/*) prefix='proxy_' ;;
        launcher/events/*) prefix='events_' ;;
        launcher/linux/supervisor/*) prefix='sup_' ;;
        launcher/linux/filter_gen/*) prefix='main$' ;;
        launcher/linux/init/*) prefix='init_|main$' ;;
        launcher/linux/*) prefix="$(basename "$file" | sed 's/_.*//')_" ;;
        launcher/*) prefix='launcher_|main$' ;;
        *) continue ;;
        esac
        bad=$(nm -g --defined-only "$object" |
              awk 'NF == 3 && $3 !~ /^(__asan|__ubsan|__odr)/ { print $3 }' |
              grep -vE "^($prefix)" || :)
        [ -z "$bad" ] || { echo "$file: not $prefix*: $bad" >&2; rc=1; }
    done
    exit $rc
}
