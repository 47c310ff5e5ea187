/*
 * Reports of the shim at level `preload`: one TCP connection to the report
 * listener for each, a head and the path, then one byte back once the event is
 * recorded.  Advisory: the launcher asks the oracle itself and records only
 * what the policy refuses.
 */
#ifndef SRT_SHIM_WIRE_H
#define SRT_SHIM_WIRE_H

#include <stdint.h>

#define SHIM_WIRE_MAGIC    UINT32_C(0x53525450)
#define SHIM_WIRE_PATH_MAX 4096u
/* How long the shim waits for the byte. */
#define SHIM_WIRE_WAIT_MS 1000

enum shim_wire_op {
    SHIM_WIRE_READ = 1,
    SHIM_WIRE_WRITE = 2,
    SHIM_WIRE_CREATE = 3,
};

/* Host byte order: both ends are one machine. */
struct shim_wire_report {
    uint32_t magic;
    uint16_t op;       /* enum shim_wire_op */
    uint16_t path_len; /* 1..SHIM_WIRE_PATH_MAX, no NUL inside or after */
    int32_t err;       /* errno that the call failed with */
    int32_t tid;       /* of the caller, inside */
    uint64_t caller;   /* return address */
};

#endif
