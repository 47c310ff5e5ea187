/*
 * What the policy allows and failed all the same, by kind: operation, rule and
 * errno.  A program may meet one for each of its thousand files; the first of a
 * kind is told, the others are counted.  Not thread-safe: the store holds its
 * lock.
 */
#ifndef SRT_LAUNCHER_EVENTS_KINDS_H
#define SRT_LAUNCHER_EVENTS_KINDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "launcher/events/event.h"

/* All further ones are counted as one, which has no first. */
#define EVENTS_KINDS_MAX 64u

struct events_kind {
    enum events_op op;
    int err;
    char *rule;    /* owned */
    uint64_t seq;  /* of the record that tells the first */
    uint64_t more; /* of the kind, after it */
};

/* Zero-initialise. */
struct events_kinds {
    struct events_kind at[EVENTS_KINDS_MAX];
    size_t n;
    uint64_t others; /* of more kinds than are kept apart */
};

void events_kinds_release(struct events_kinds *k);
/* One more of a kind that is known, or of one too many: counted.  False: it is
 * the first of its kind, to be told and begun. */
bool events_kinds_hit(struct events_kinds *k, const struct events_violation *v);
/* A first one, which the record `seq` tells. */
void events_kinds_begin(struct events_kinds *k,
                        const struct events_violation *v, uint64_t seq);

#endif
