/* FNV-1a, for tables whose chains are bounded: not against an enemy who picks
 * the keys. */
#ifndef SRT_BASE_HASH_H
#define SRT_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* 32 bits, byte by byte: begin with the seed. */
#define SRT_HASH32_SEED UINT32_C(2166136261)

static inline uint32_t srt_hash32_add(uint32_t h, unsigned char c)
{
    return (h ^ c) * UINT32_C(16777619);
}

/* 64 bits of some bytes; `seed` 0, or the hash of what stands before them. */
static inline uint64_t srt_hash64(uint64_t seed, const void *bytes, size_t len)
{
    const unsigned char *p = bytes;
    uint64_t h = seed ^ UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < len; i++)
        h = (h ^ p[i]) * UINT64_C(0x100000001b3);
    return h;
}

#endif
