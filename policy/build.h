/* Puts an image together from rules in any order.  Set-up code: allocates. */
#ifndef SRT_POLICY_BUILD_H
#define SRT_POLICY_BUILD_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "policy/layout.h"

/* One rule under one key.  Texts are borrowed until policy_build_image(). */
struct policy_build_item {
    const void *key;
    size_t key_len;
    const char *glob; /* relative to the key, or NULL: the key itself */
    const char *pointer;
    const char *reason; /* or NULL */
    uint16_t port_lo, port_hi;
    uint32_t list;
    size_t seq; /* set by policy_build_add() */
};

struct policy_build_table {
    struct policy_build_item *at; /* owned */
    size_t n, cap;
};

struct policy_build {
    struct policy_build_table names, nets, paths;
    const struct policy_pairs *ignore;
    uint32_t flags, has_list;
};

void policy_build_add(struct policy_build_table *t,
                      const struct policy_build_item *item);

/* The image, to be freed with free().  SRT_E_LIMIT: more than 1 GiB. */
enum srt_rc policy_build_image(struct policy_build *b,
                               struct policy_image **ret,
                               struct srt_err *err) SRT_MUST_CHECK;

void policy_build_release(struct policy_build *b);

#endif
