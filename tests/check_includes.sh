#!/bin/sh
# Usage: check_includes.sh SOURCE_DIR.  Arrows between rooms point one way.
# Each row: a directory (the longest that fits a file decides), then the only
# directories or headers of the project that its files may include from.
set -eu
cd "$1"
find base vendor policy shim proxy launcher -name '*.[ch]' \
    -exec grep -nE '^ *# *include "' /dev/null {} + |
    awk '
BEGIN {
    allowed["base"] = "base"
    allowed["vendor"] = "vendor base"
    allowed["policy"] = "policy base vendor"
    allowed["shim"] = "shim"
    allowed["proxy"] = "proxy policy base vendor"
    allowed["launcher"] = "launcher proxy policy base vendor"
    allowed["launcher/events"] = "launcher/events policy base vendor"
    allowed["launcher/linux"] = "launcher/linux launcher/events " \
        "launcher/environment.h launcher/streams.h proxy policy base " \
        "vendor shim/note.h shim/wire.h shim/config.h filter_programs.h"
    allowed["launcher/linux/supervisor"] = "launcher/linux/supervisor " \
        "launcher/linux/channel.h launcher/linux/plan.h " \
        "launcher/linux/crew.h launcher/linux/queue.h " \
        "launcher/linux/filter.h launcher/linux/ports.h " \
        "launcher/linux/mount_id.h launcher/linux/file_calls.h " \
        "launcher/linux/init_config.h " \
        "launcher/events/event.h policy base vendor"
    allowed["launcher/linux/init"] = "launcher/linux/init " \
        "launcher/linux/init_config.h vendor/compat.h"
}
{
    file = $0
    sub(/:.*/, "", file)
    header = $0
    sub(/.*include "/, "", header)
    sub(/".*/, "", header)
    room = file
    while (!(room in allowed) && sub("/[^/]*$", "", room))
        ;
    n = split(allowed[room], may, " ")
    ok = 0
    for (i = 1; i <= n; i++)
        if (header == may[i] || index(header, may[i] "/") == 1)
            ok = 1
    if (!ok) {
        print $0 " (" room " may include: " allowed[room] ")"
        bad = 1
    }
}
END { exit bad }'
