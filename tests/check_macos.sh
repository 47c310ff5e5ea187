#!/bin/sh
# base/ and policy/ compile for macOS on both processors, so that the seam
# between the systems is real.  PyPI's ziglang brings the compiler and headers;
# it is kept outside the tree, in $XDG_CACHE_HOME.
set -eu
cd "$(dirname "$0")/.."
cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/srt-ziglang
if [ ! -x "$cache/bin/python" ]; then
    /usr/bin/python3 -m venv "$cache"
fi
if ! "$cache/bin/python" -c 'import ziglang' 2>/dev/null; then
    "$cache/bin/python" -m pip install --quiet ziglang
fi
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
json=$(pkg-config --cflags-only-I libcjson)
for target in x86_64-macos aarch64-macos; do
    for f in base/*.c policy/*.c; do
        # shellcheck disable=SC2086  # a list of flags
        "$cache/bin/python" -m ziglang cc -target "$target" -std=c17 \
            -D_DARWIN_C_SOURCE -Wall -Wextra -Werror -I. -I/usr/include/cjson \
            $json -include base/banned.h -c "$f" \
            -o "$out/$(echo "$f" | tr / _).$target.o"
    done
done
