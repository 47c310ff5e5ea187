/* A reader over bytes that never moves past the end. */
#ifndef SRT_BASE_CURSOR_H
#define SRT_BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct srt_cursor {
    const uint8_t *at; /* borrowed; next unread byte */
    size_t left;
};

/* Each returns false, and changes nothing, when too few bytes are left. */
static inline bool srt_cursor_bytes(struct srt_cursor *c, size_t n,
                                    const uint8_t **ret)
{
    if (c->left < n)
        return false;
    *ret = c->at;
    c->at += n;
    c->left -= n;
    return true;
}

static inline bool srt_cursor_u8(struct srt_cursor *c, uint8_t *ret)
{
    const uint8_t *p;

    if (!srt_cursor_bytes(c, 1, &p))
        return false;
    *ret = p[0];
    return true;
}

static inline bool srt_cursor_be16(struct srt_cursor *c, uint16_t *ret)
{
    const uint8_t *p;

    if (!srt_cursor_bytes(c, 2, &p))
        return false;
    *ret = (uint16_t)((p[0] << 8) | p[1]);
    return true;
}

static inline bool srt_cursor_be32(struct srt_cursor *c, uint32_t *ret)
{
    const uint8_t *p;

    if (!srt_cursor_bytes(c, 4, &p))
        return false;
    *ret = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 |
           (uint32_t)p[3];
    return true;
}

#endif
