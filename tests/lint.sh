#!/bin/sh
# Usage: lint.sh BUILD_DIR.  Everything that reads the source without running
# it.  Prints "lint: NAME ok|FAILED" a check; exit 1 if one failed.
set -u
build=$1
cd "$(dirname "$0")/.." || exit 1
failed=0
check() {
    name=$1
    shift
    if out=$("$@" 2>&1); then
        echo "lint: $name ok"
    else
        printf '%s\n' "$out" | tail -60
        echo "lint: $name FAILED"
        failed=1
    fi
}
sources() { git ls-files '*.c' '*.h' | grep -v '^tests/data/'; }
product() { sources | grep -E '^(base|vendor|policy|proxy|launcher)/.*\.c$'; }

# shellcheck disable=SC2046  # lists of words
format() { clang-format --dry-run -Werror $(sources); }
tidy() {
    product | xargs -P "$(nproc)" -n 4 clang-tidy -p "$build" --quiet \
        --extra-arg=-Wno-unknown-warning-option \
        --extra-arg=-enable-trivial-auto-var-init-zero-knowing-it-will-be-removed-from-clang 2>&1 |
        grep -E 'warning:|error:' && return 1
    return 0
}
# shellcheck disable=SC2046
analyse() {
    cppcheck --quiet --std=c11 --enable=warning,portability --inline-suppr \
        --suppressions-list=tests/cppcheck.txt --error-exitcode=1 \
        -D_GNU_SOURCE -I. -j "$(nproc)" $(product)
}

check format format
check layers tests/check_includes.sh .
check symbols tests/check_symbols.sh "$build"
check hardening tests/check_hardening.sh "$build"
check size tests/check_size.sh .
check shell sh -c 'command -v shellcheck >/dev/null || exit 0; shellcheck -S warning -s sh dev .ci/run vendor/install-deps tests/*.sh tests/fuzz/*.sh'
check cppcheck analyse
check macos tests/check_macos.sh
check tidy tidy
exit $failed
