#!/bin/sh
# Usage: check_hardening.sh BUILD_DIR.  The flags that were asked for are in
# what was built: PIE, full RELRO, no executable stack; srt-init is static.
set -eu
rc=0
complain() { echo "$1" >&2; rc=1; }
srt=$1/bin/srt
init=$1/bin/srt-init
shim=$1/lib/libsrtshim.so
readelf -h "$srt" | grep -q 'Type:.*DYN' || complain "$srt: not PIE"
for f in "$srt" "$shim"; do
    readelf -lW "$f" | grep -q GNU_RELRO || complain "$f: no RELRO"
    readelf -dW "$f" | grep -qE 'BIND_NOW|FLAGS.*NOW' || complain "$f: no BIND_NOW"
done
for f in "$srt" "$init" "$shim"; do
    readelf -lW "$f" | grep GNU_STACK | grep -q RWE && complain "$f: executable stack"
done
readelf -lW "$init" | grep -q INTERP && complain "$init: not static"
readelf -dW "$shim" | grep -q NEEDED && complain "$shim: has DT_NEEDED"
exit $rc
