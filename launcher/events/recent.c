#include "launcher/events/recent.h"

#include <string.h>

#include "base/alloc.h"

void events_recent_release(struct events_recent *r)
{
    for (size_t i = 0; i < r->n; i++)
        free(r->ring[i].text);
    free(r->ring);
    memset(r, 0, sizeof(*r));
}

void events_recent_add(struct events_recent *r, uint64_t seq, const char *text)
{
    struct events_recent_line *line;

    if (r->ring == NULL)
        r->ring = srt_xcalloc(EVENTS_RECENT_MAX, sizeof(*r->ring));
    line = &r->ring[r->next];
    if (r->n == EVENTS_RECENT_MAX) {
        free(line->text);
        r->forgotten++;
    } else {
        r->n++;
    }
    *line = (struct events_recent_line){
        .seq = seq, .count = 1, .text = srt_xstrdup(text)};
    r->next = (r->next + 1) % EVENTS_RECENT_MAX;
}

/* The i-th oldest. */
static struct events_recent_line *line_at(const struct events_recent *r,
                                          size_t i)
{
    return &r->ring[(r->next + EVENTS_RECENT_MAX - r->n + i) %
                    EVENTS_RECENT_MAX];
}

void events_recent_repeat(struct events_recent *r, uint64_t seq, uint64_t count)
{
    for (size_t i = 0; i < r->n; i++)
        if (line_at(r, i)->seq == seq)
            line_at(r, i)->count += count;
}

const struct events_recent_line *events_recent_last(
    const struct events_recent *r)
{
    return r->n > 0 ? line_at(r, r->n - 1) : NULL;
}

void events_recent_annotate(const struct events_recent *r, struct srt_buf *b)
{
    if (r->n == 0)
        return;
    srt_buf_add_str(b, "<sandbox_violations>\n");
    if (r->forgotten > 0)
        srt_buf_addf(b, "(%llu earlier ones are not shown)\n",
                     (unsigned long long)r->forgotten);
    for (size_t i = 0; i < r->n; i++) {
        const struct events_recent_line *line = line_at(r, i);

        srt_buf_add_str(b, line->text);
        if (line->count > 1)
            srt_buf_addf(b, " (%llu times)", (unsigned long long)line->count);
        srt_buf_add_char(b, '\n');
    }
    srt_buf_add_str(b, "</sandbox_violations>\n");
}
