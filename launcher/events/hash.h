/* FNV-1a, for tables whose chains are bounded. */
#ifndef SRT_LAUNCHER_EVENTS_HASH_H
#define SRT_LAUNCHER_EVENTS_HASH_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t events_hash(uint64_t seed, const void *bytes, size_t len)
{
    const unsigned char *p = bytes;
    uint64_t h = seed ^ UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < len; i++)
        h = (h ^ p[i]) * UINT64_C(0x100000001b3);
    return h;
}

#endif
