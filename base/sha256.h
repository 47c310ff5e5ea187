/* SHA-256, FIPS 180-4. */
#ifndef SRT_BASE_SHA256_H
#define SRT_BASE_SHA256_H

#include <stddef.h>

/* Hex digest of the bytes, NUL-terminated, into out[65]. */
void srt_sha256_hex(const void *bytes, size_t len, char out[65]);

#endif
