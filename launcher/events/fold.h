/*
 * Folding: what the same process did again, to the same target, refused by
 * the same rule, within a second becomes one "repeat" record.
 *
 * A key lives from its first event on for windows of one second.  At the end
 * of a window that saw repeats they are told, and the next window begins; a
 * window that saw none ends the key, and the next such event is a violation of
 * its own.  So a tight loop makes one record a second.  Not thread-safe: the
 * store holds its lock.
 */
#ifndef SRT_LAUNCHER_EVENTS_FOLD_H
#define SRT_LAUNCHER_EVENTS_FOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "launcher/events/event.h"

#define EVENTS_FOLD_WINDOW_MS 1000u
/* Keys at most; one more ends the oldest. */
#define EVENTS_FOLD_MAX 512u

struct events_fold;

struct events_fold_key {
    pid_t process;
    enum events_op op;
    bool probe, uncertain;
    const char *target;
    const char *target2; /* or NULL */
    const char *rule;
};

/* What the repeats of a window come to. */
struct events_folded {
    const struct events_fold_key *key;
    const char *who; /* as given to events_fold_begin() */
    uint64_t seq;    /* of the violation */
    uint64_t count;  /* > 0 */
};

typedef void events_fold_fn(void *ctx, const struct events_folded *f);

/* `tell` is called from events_fold_expire() and events_fold_begin(). */
struct events_fold *events_fold_new(events_fold_fn *tell, void *ctx);
void events_fold_free(struct events_fold *f);

/* The event repeats one that is being folded: counted. */
bool events_fold_hit(struct events_fold *f, const struct events_fold_key *k);
/* A first one: fold what repeats it from now on. */
void events_fold_begin(struct events_fold *f, const struct events_fold_key *k,
                       uint64_t seq, const char *who, uint64_t now_ms);
/* Tell what is due; all of it when `all`. */
void events_fold_expire(struct events_fold *f, uint64_t now_ms, bool all);
/* Nothing is being folded. */
bool events_fold_empty(const struct events_fold *f);

#endif
