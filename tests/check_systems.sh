#!/bin/sh
# Usage: check_systems.sh BUILD_DIR.  What this machine cannot build compiles
# elsewhere: base/ and policy/ for macOS on both processors, so that the seam
# between the systems is real; everything for Linux on aarch64, no file left
# out.  PyPI's ziglang brings compiler and headers; it is kept outside the
# tree, in $XDG_CACHE_HOME.  Exit 77: it is not there and cannot be had.
set -eu
build=$1
cd "$(dirname "$0")/.."
cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/srt-ziglang
python=$cache/bin/python
if ! "$python" -c 'import ziglang' 2>/dev/null; then
    /usr/bin/python3 -m venv "$cache" &&
        "$python" -m pip install --quiet --retries 1 --timeout 20 ziglang || {
        echo "no ziglang in $cache, and PyPI did not give it" >&2
        exit 77
    }
fi
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# The headers of libraries are the same on every processor, those beside them
# in /usr/include are not: the former alone, by links.
mkdir "$out/include"
for module in libcjson libcares libseccomp; do
    dir=$(pkg-config --variable=includedir "$module")
    for h in "$dir"/ares*.h "$dir"/seccomp*.h "$dir"/cjson "$dir"/cjson/*.h; do
        [ ! -e "$h" ] || ln -sf "$h" "$out/include/"
    done
done

# compile TARGET FLAGS FILE...
compile() {
    target=$1
    flags=$2
    shift 2
    # shellcheck disable=SC2086  # a list of flags
    for f in "$@"; do
        "$python" -m ziglang cc -target "$target" -Wall -Wextra -Werror -I. \
            -I"$out/include" $flags -c "$f" -o "$out/object.o"
    done
}

for target in x86_64-macos aarch64-macos; do
    compile "$target" '-std=c17 -D_DARWIN_C_SOURCE -include base/banned.h' \
        base/*.c policy/*.c
done
# The generated programs are this processor's; their form is the same.
compile aarch64-linux-gnu.2.31 \
    "-std=c17 -D_GNU_SOURCE -include base/banned.h -I$build/generated" \
    base/*.c vendor/*.c policy/*.c proxy/*.c launcher/*.c launcher/events/*.c \
    launcher/linux/*.c launcher/linux/*/*.c
compile aarch64-linux-gnu.2.31 '-std=gnu17 -ffreestanding' shim/*.c
