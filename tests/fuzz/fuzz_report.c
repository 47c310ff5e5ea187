/* Reports of the shim: a path that is accepted is absolute, clean, bounded. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "launcher/linux/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t bytes[sizeof(struct shim_wire_report) + SHIM_WIRE_PATH_MAX];
    struct shim_wire_report head;
    char path[SHIM_WIRE_PATH_MAX + 1];

    if (size > sizeof(bytes))
        size = sizeof(bytes);
    if (size > 0)
        memcpy(bytes, data, size);
    if (report_parse(bytes, size, &head, path) == REPORT_PARSE_OK) {
        assert(path[0] == '/' && strlen(path) <= SHIM_WIRE_PATH_MAX);
        assert(strstr(path, "/../") == NULL && strstr(path, "//") == NULL);
        assert(head.err > 0 && head.op >= SHIM_WIRE_READ &&
               head.op <= SHIM_WIRE_CREATE);
    }
    return 0;
}
