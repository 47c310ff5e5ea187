#!/bin/sh
# Usage: lint.sh BUILD_DIR.  Everything that reads the source without running
# it.  Prints "lint: NAME ok|FAILED|skipped" a check; exit 1 if one failed.
# A check whose tool is not there exits 77, is skipped, and fails under
# SRT_TEST_MUST_WORK=1.
set -u
build=$1
cd "$(dirname "$0")/.." || exit 1
failed=0
check() {
    name=$1
    shift
    out=$("$@" 2>&1)
    rc=$?
    if [ $rc = 0 ]; then
        echo "lint: $name ok"
        return
    fi
    printf '%s\n' "$out" | tail -60
    if [ $rc = 77 ] && [ "${SRT_TEST_MUST_WORK:-0}" != 1 ]; then
        echo "lint: $name skipped"
    else
        echo "lint: $name FAILED"
        failed=1
    fi
}
sources() { git ls-files '*.c' '*.h' | grep -v '^tests/data/'; }
product() { sources | grep -E '^(base|vendor|policy|shim|proxy|launcher)/.*\.c$'; }

# shellcheck disable=SC2046  # lists of words
format() { clang-format --dry-run -Werror $(sources); }
tidy() {
    {
        product | grep -v '^shim/' |
            xargs -P "$(nproc)" -n 4 clang-tidy -p "$build" --quiet \
                --extra-arg=-Wno-unknown-warning-option \
                --extra-arg=-enable-trivial-auto-var-init-zero-knowing-it-will-be-removed-from-clang
        # The shim's flags are gcc's; clang refuses some of them.
        # shellcheck disable=SC2046  # a list of words
        clang-tidy --quiet $(product | grep '^shim/') -- \
            -std=gnu17 -ffreestanding -fno-builtin -I.
    } 2>&1 | grep -E 'warning:|error:' && return 1
    return 0
}
shell() {
    command -v shellcheck >/dev/null || { echo "no shellcheck here"; return 77; }
    shellcheck -S warning -s sh dev .ci/run vendor/install-deps tests/*.sh tests/fuzz/*.sh
}
# shellcheck disable=SC2046
analyse() {
    cppcheck --quiet --std=c11 --enable=warning,portability --inline-suppr \
        --suppressions-list=tests/cppcheck.txt --error-exitcode=1 \
        -D_GNU_SOURCE -D__x86_64__ -I. -j "$(nproc)" $(product)
}

check format format
check layers tests/check_includes.sh .
check symbols tests/check_symbols.sh "$build"
check hardening tests/check_hardening.sh "$build"
check size tests/check_size.sh .
check rules tests/check_rules.sh .
check shell shell
check cppcheck analyse
check systems tests/check_systems.sh "$build"
check tidy tidy
exit $failed
