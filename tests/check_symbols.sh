#!/bin/sh
# Usage: check_symbols.sh BUILD_DIR.  Every external symbol of a module's
# objects must start with one of the module's prefixes: DIRECTORY PREFIXES.
# In launcher/linux a file's own name is the prefix.
set -eu
rc=0
find "$1/CMakeFiles" -name '*.c.o' | sort | {
    while read -r object; do
        file=${object#*.dir/}
        file=${file%.c.o}
        case $file in
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
