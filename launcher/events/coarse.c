#include "launcher/events/coarse.h"

#include <string.h>

#include "base/alloc.h"
#include "launcher/events/record.h"

static struct events_coarse_rule *find(struct events_coarse *c,
                                       const char *rule)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->at[i].rule, rule) == 0)
            return &c->at[i];
    return NULL;
}

void events_coarse_release(struct events_coarse *c)
{
    for (size_t i = 0; i < c->n; i++)
        free(c->at[i].rule);
    memset(c, 0, sizeof(*c));
}

void events_coarse_know(struct events_coarse *c, const char *rule, uint64_t seq)
{
    if (c->n == EVENTS_COARSE_MAX || find(c, rule) != NULL)
        return;
    c->at[c->n++] = (struct events_coarse_rule){.rule = srt_xstrdup(rule),
                                                .ref = seq};
}

bool events_coarse_count(struct events_coarse *c, const char *rule,
                         uint64_t seq, uint64_t weight)
{
    struct events_coarse_rule *r = find(c, rule);

    if (r == NULL)
        return false;
    r->last = seq;
    r->count += weight;
    c->pending = true;
    return true;
}

void events_coarse_tell(struct events_coarse *c, const char *run,
                        struct srt_buf *b)
{
    for (size_t i = 0; c->pending && i < c->n; i++) {
        struct events_coarse_rule *r = &c->at[i];
        struct events_record_head h = {.seq = r->last, .run = run};

        if (r->count > 0)
            events_record_repeat(b, h, r->ref, r->count, true);
        r->count = 0;
    }
    c->pending = false;
}
