/* Exact counts for each rule, in bounded memory.  Not thread-safe: the store
 * holds its lock. */
#ifndef SRT_LAUNCHER_EVENTS_TOTALS_H
#define SRT_LAUNCHER_EVENTS_TOTALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/buf.h"

/* One rule more is counted as EVENTS_TOTALS_OTHER. */
#define EVENTS_TOTALS_MAX_RULES 10000u
#define EVENTS_TOTALS_OTHER     "other"

struct events_count {
    const char *rule;
    uint64_t all; /* every violation: refused, probes, uncertain ones */
    uint64_t probes;
    uint64_t uncertain;
    uint32_t next; /* in the chain, 0: end */
};

struct events_totals {
    struct srt_arena arena;
    struct events_count *at; /* owned; at[0] is "other", in order of arrival */
    size_t n, cap;
    uint32_t heads[1024];
};

void events_totals_init(struct events_totals *t);
void events_totals_release(struct events_totals *t);
void events_totals_add(struct events_totals *t, const char *rule, bool probe,
                       bool uncertain);

/* ,"totals":{"rule":n,...},"probes":{...},"uncertain":{...}; the latter two,
 * parts of the first, only if there are any. */
void events_totals_json(const struct events_totals *t, struct srt_buf *b);

/* Refusals that people are told of: without probes unless `probes`. */
uint64_t events_totals_sum(const struct events_totals *t, bool probes);
uint64_t events_totals_of(const struct events_count *c, bool probes);

#endif
