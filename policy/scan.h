/* A strict JSON scanner (RFC 8259): decides whether bytes are accepted at all,
 * and says where each value stands.  The tree itself is cJSON's afterwards,
 * which alone would accept 01, raw control bytes and duplicate keys. */
#ifndef SRT_POLICY_SCAN_H
#define SRT_POLICY_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/alloc.h"

/* Where the value of one JSON pointer begins; lines and columns from 1,
 * columns in code points. */
struct policy_scan_mark {
    const char *pointer; /* RFC 6901; lives in the scan's arena */
    unsigned line, col;
    unsigned key_line, key_col; /* of the key in front of it; 0: none */
};

struct policy_scan {
    struct srt_arena arena;
    struct policy_scan_mark *marks; /* owned, sorted by pointer */
    size_t n;
};

struct policy_scan_error {
    unsigned line, col;
    const char *what; /* "what is wrong; what was expected", a constant */
};

/* UTF-8 without BOM, nesting at most POLICY_SETTINGS_MAX_DEPTH, no duplicate
 * keys (compared after unescaping), no \u0000, no lone surrogates, nothing
 * behind the value.  False: *ret_error is set, *ret is empty. */
bool policy_scan(const char *bytes, size_t len, struct policy_scan *ret,
                 struct policy_scan_error *ret_error);
void policy_scan_release(struct policy_scan *s);

/* The mark of a pointer, or NULL. */
const struct policy_scan_mark *policy_scan_find(const struct policy_scan *s,
                                                const char *pointer);

#endif
