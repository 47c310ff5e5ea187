#include "launcher/events/totals.h"

#include <string.h>

#include "base/hash.h"
#include "base/macros.h"
#include "launcher/events/json.h"

void events_totals_init(struct events_totals *t)
{
    memset(t, 0, sizeof(*t));
    t->cap = 16;
    t->at = srt_xcalloc(t->cap, sizeof(*t->at));
    t->at[0].rule = EVENTS_TOTALS_OTHER;
    t->n = 1;
}

void events_totals_release(struct events_totals *t)
{
    free(t->at);
    srt_arena_release(&t->arena);
    memset(t, 0, sizeof(*t));
}

static struct events_count *find_or_add(struct events_totals *t,
                                        const char *rule)
{
    uint32_t *head =
        &t->heads[srt_hash64(0, rule, strlen(rule)) % SRT_ARRAY_LEN(t->heads)];

    for (uint32_t i = *head; i != 0; i = t->at[i].next)
        if (strcmp(t->at[i].rule, rule) == 0)
            return &t->at[i];
    if (t->n > EVENTS_TOTALS_MAX_RULES)
        return &t->at[0];
    if (t->n == t->cap) {
        t->cap *= 2;
        t->at = srt_xreallocarray(t->at, t->cap, sizeof(*t->at));
    }
    t->at[t->n] = (struct events_count){
        .rule = srt_arena_strdup(&t->arena, rule), .next = *head};
    *head = (uint32_t)t->n;
    return &t->at[t->n++];
}

void events_totals_add(struct events_totals *t, const char *rule, bool probe,
                       bool uncertain)
{
    struct events_count *c = find_or_add(t, rule);

    c->all++;
    c->probes += probe;
    c->uncertain += uncertain;
}

static uint64_t all_of(const struct events_count *c)
{
    return c->all;
}

static uint64_t probes_of(const struct events_count *c)
{
    return c->probes;
}

static uint64_t uncertain_of(const struct events_count *c)
{
    return c->uncertain;
}

static void add_object(const struct events_totals *t, struct srt_buf *b,
                       const char *key, bool if_empty,
                       uint64_t (*part)(const struct events_count *c))
{
    bool any = false;

    for (size_t i = 0; i < t->n; i++) {
        const struct events_count *c = &t->at[i];

        if (part(c) == 0)
            continue;
        if (any)
            srt_buf_add_char(b, ',');
        else
            srt_buf_addf(b, ",\"%s\":{", key);
        any = true;
        (void)events_json_text(b, c->rule, strlen(c->rule));
        srt_buf_addf(b, ":%llu", (unsigned long long)part(c));
    }
    if (any)
        srt_buf_add_char(b, '}');
    else if (if_empty)
        srt_buf_addf(b, ",\"%s\":{}", key);
}

void events_totals_json(const struct events_totals *t, struct srt_buf *b)
{
    add_object(t, b, "totals", true, all_of);
    add_object(t, b, "probes", false, probes_of);
    add_object(t, b, "uncertain", false, uncertain_of);
}

uint64_t events_totals_of(const struct events_count *c, bool probes)
{
    return probes ? c->all : c->all - c->probes;
}

uint64_t events_totals_sum(const struct events_totals *t, bool probes)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < t->n; i++)
        sum += events_totals_of(&t->at[i], probes);
    return sum;
}
