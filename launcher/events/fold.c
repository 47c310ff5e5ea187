#include "launcher/events/fold.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/macros.h"

struct entry {
    struct entry *chain; /* same bucket */
    struct entry *older, *newer;
    uint64_t hash;
    struct events_fold_key key; /* strings owned */
    char *who;                  /* owned */
    uint64_t seq, count, due_ms;
};

struct events_fold {
    struct entry *buckets[256];
    struct entry *oldest, *newest; /* in order of due_ms */
    size_t n;
    events_fold_fn *tell;
    void *ctx;
};

static uint64_t hash_key(const struct events_fold_key *k)
{
    uint64_t h = (uint64_t)k->process << 8 ^ (uint64_t)k->op;

    h = srt_hash64(h, k->target, strlen(k->target));
    return srt_hash64(h, k->rule, strlen(k->rule));
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool same_key(const struct events_fold_key *a,
                     const struct events_fold_key *b)
{
    return a->process == b->process && a->op == b->op && a->probe == b->probe &&
           a->uncertain == b->uncertain && same_text(a->target, b->target) &&
           same_text(a->target2, b->target2) && same_text(a->rule, b->rule);
}

static void append(struct events_fold *f, struct entry *e)
{
    e->older = f->newest;
    e->newer = NULL;
    if (f->newest != NULL)
        f->newest->newer = e;
    else
        f->oldest = e;
    f->newest = e;
}

static void unlink_entry(struct events_fold *f, struct entry *e)
{
    if (e->older != NULL)
        e->older->newer = e->newer;
    else
        f->oldest = e->newer;
    if (e->newer != NULL)
        e->newer->older = e->older;
    else
        f->newest = e->older;
}

static void drop(struct events_fold *f, struct entry *e)
{
    struct entry **at = &f->buckets[e->hash % SRT_ARRAY_LEN(f->buckets)];

    while (*at != e)
        at = &(*at)->chain;
    *at = e->chain;
    unlink_entry(f, e);
    f->n--;
    free((void *)(uintptr_t)e->key.target);
    free((void *)(uintptr_t)e->key.target2);
    free((void *)(uintptr_t)e->key.rule);
    free(e->who);
    free(e);
}

static void tell(struct events_fold *f, struct entry *e)
{
    struct events_folded told = {
        .key = &e->key, .who = e->who, .seq = e->seq, .count = e->count};

    e->count = 0;
    if (told.count > 0)
        f->tell(f->ctx, &told);
}

struct events_fold *events_fold_new(events_fold_fn *tell_fn, void *ctx)
{
    struct events_fold *f = srt_xcalloc(1, sizeof(*f));

    f->tell = tell_fn;
    f->ctx = ctx;
    return f;
}

void events_fold_free(struct events_fold *f)
{
    if (f == NULL)
        return;
    while (f->oldest != NULL)
        drop(f, f->oldest);
    free(f);
}

bool events_fold_hit(struct events_fold *f, const struct events_fold_key *k)
{
    uint64_t h = hash_key(k);

    for (struct entry *e = f->buckets[h % SRT_ARRAY_LEN(f->buckets)]; e != NULL;
         e = e->chain)
        if (e->hash == h && same_key(&e->key, k)) {
            e->count++;
            return true;
        }
    return false;
}

void events_fold_begin(struct events_fold *f, const struct events_fold_key *k,
                       uint64_t seq, const char *who, uint64_t now_ms)
{
    struct entry *e = srt_xcalloc(1, sizeof(*e));
    struct entry **head;

    if (f->n == EVENTS_FOLD_MAX) {
        tell(f, f->oldest);
        drop(f, f->oldest);
    }
    e->hash = hash_key(k);
    e->key = *k;
    e->key.target = srt_xstrdup(k->target);
    e->key.target2 = k->target2 != NULL ? srt_xstrdup(k->target2) : NULL;
    e->key.rule = srt_xstrdup(k->rule);
    e->who = srt_xstrdup(who);
    e->seq = seq;
    e->due_ms = now_ms + EVENTS_FOLD_WINDOW_MS;
    head = &f->buckets[e->hash % SRT_ARRAY_LEN(f->buckets)];
    e->chain = *head;
    *head = e;
    append(f, e);
    f->n++;
}

void events_fold_expire(struct events_fold *f, uint64_t now_ms, bool all)
{
    struct entry *next = f->oldest;

    /* Every entry is looked at once, also those that begin a new window. */
    for (size_t left = f->n; left > 0 && next != NULL; left--) {
        struct entry *e = next;
        bool again = e->count > 0 && !all;

        if (!all && now_ms < e->due_ms)
            return;
        next = e->newer;
        tell(f, e);
        if (!again) {
            drop(f, e);
            continue;
        }
        e->due_ms = now_ms + EVENTS_FOLD_WINDOW_MS;
        unlink_entry(f, e);
        append(f, e);
    }
}

bool events_fold_empty(const struct events_fold *f)
{
    return f->n == 0;
}
