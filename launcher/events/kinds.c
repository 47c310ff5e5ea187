#include "launcher/events/kinds.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

void events_kinds_release(struct events_kinds *k)
{
    for (size_t i = 0; i < k->n; i++)
        free(k->at[i].rule);
    k->n = 0;
}

bool events_kinds_hit(struct events_kinds *k, const struct events_violation *v)
{
    for (size_t i = 0; i < k->n; i++) {
        struct events_kind *at = &k->at[i];

        if (at->op == v->op && at->err == v->err &&
            strcmp(at->rule, v->rule) == 0) {
            at->more++;
            return true;
        }
    }
    k->others += k->n == EVENTS_KINDS_MAX;
    return k->n == EVENTS_KINDS_MAX;
}

void events_kinds_begin(struct events_kinds *k,
                        const struct events_violation *v, uint64_t seq)
{
    assert(k->n < EVENTS_KINDS_MAX);
    k->at[k->n++] = (struct events_kind){
        .op = v->op, .err = v->err, .rule = srt_xstrdup(v->rule), .seq = seq};
}
