#!/bin/sh
# Usage: run.sh BUILD_DIR SECONDS.  Every libFuzzer target for that long, from
# its corpus; new inputs go to a directory of their own that is thrown away.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
passed=0
failed=0
for target in "$1"/fuzz/fuzz_*; do
    name=$(basename "$target")
    new=$(mktemp -d)
    if "$target" -max_total_time="$2" -timeout=10 -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix="$new/" "$new" \
        "$here/../data/$name" >"$new/log" 2>&1; then
        passed=$((passed + 1))
        echo "fuzz: $name ok, $(sed -n 's/stat::number_of_executed_units: *//p' "$new/log") runs"
        rm -rf "$new"
    else
        failed=$((failed + 1))
        tail -30 "$new/log"
        echo "fuzz: $name FAILED, see $new"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
