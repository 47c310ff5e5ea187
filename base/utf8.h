/* UTF-8, RFC 3629. */
#ifndef SRT_BASE_UTF8_H
#define SRT_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Decode one code point (no overlong forms, no surrogates, <= U+10FFFF).
 * Returns its length 1..4, or 0 when the bytes are invalid or truncated. */
size_t srt_utf8_decode(const char *s, size_t len, uint32_t *ret);

/* Bytes before the first invalid sequence; len when all is valid. */
size_t srt_utf8_valid_prefix(const char *s, size_t len);

#endif
