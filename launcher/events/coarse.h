/* Folding by rule alone, for a sink whose reader is slow. */
#ifndef SRT_LAUNCHER_EVENTS_COARSE_H
#define SRT_LAUNCHER_EVENTS_COARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define EVENTS_COARSE_MAX 64u

struct events_coarse_rule {
    char *rule;    /* owned */
    uint64_t ref;  /* seq of a violation that the sink has taken */
    uint64_t last; /* seq of the last event counted here */
    uint64_t count;
};

/* Zero-initialise. */
struct events_coarse {
    struct events_coarse_rule at[EVENTS_COARSE_MAX];
    size_t n;
    bool pending; /* something was counted */
};

void events_coarse_release(struct events_coarse *c);
/* The sink took this violation: later ones may refer to it. */
void events_coarse_know(struct events_coarse *c, const char *rule,
                        uint64_t seq);
/* Count `weight` events of `rule`.  False: the sink knows of none yet. */
bool events_coarse_count(struct events_coarse *c, const char *rule,
                         uint64_t seq, uint64_t weight);
/* Append the records for what was counted, and begin anew. */
void events_coarse_tell(struct events_coarse *c, const char *run,
                        struct srt_buf *b);

#endif
