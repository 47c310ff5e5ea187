#include "launcher/events/people.h"

#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

enum { SETTLE_MS = 300 };

static bool in_line_mode(const struct events_people *p)
{
    struct termios t;

    return !p->terminal || tcgetattr(p->fd, &t) != 0 ||
           (t.c_lflag & (tcflag_t)ICANON) != 0;
}

void events_people_init(struct events_people *p, int fd, const char *run)
{
    const char *no_color = getenv("NO_COLOR");
    int own = srt_fd_dup_above(fd, 3);

    *p = (struct events_people){.fd = fd,
                                .held = {.max = EVENTS_PEOPLE_HELD_BYTES}};
    p->terminal = isatty(fd) == 1;
    p->colour = p->terminal && (no_color == NULL || no_color[0] == '\0');
    if (own >= 0)
        p->sink = events_sink_new(own, "standard error", run);
}

void events_people_release(struct events_people *p)
{
    events_sink_free(p->sink);
    p->sink = NULL;
    srt_buf_release(&p->held);
}

static void put(struct events_people *p, const char *text, size_t len)
{
    struct events_line line = {.text = text, .len = len, .weight = 1};

    if (p->sink != NULL && len > 0)
        events_sink_put(p->sink, &line);
}

/* Has whoever owned the screen had time to leave it? */
static bool is_settled(struct events_people *p)
{
    uint64_t now = srt_clock_ms();

    if (!in_line_mode(p)) {
        p->line_mode_since_ms = 0;
        return false;
    }
    if (p->line_mode_since_ms == 0)
        p->line_mode_since_ms = now;
    return now - p->line_mode_since_ms >= SETTLE_MS;
}

void events_people_show(struct events_people *p, bool now)
{
    if (p->held.len == 0 || (!now && !is_settled(p)))
        return;
    if (p->held_lost > 0) {
        p->held.max += 128;
        p->held.overflow = false;
        srt_buf_addf(&p->held, "srt: ... and %llu lines more\n",
                     (unsigned long long)p->held_lost);
        p->held.max -= 128;
        p->held_lost = 0;
    }
    put(p, p->held.data, p->held.len);
    srt_buf_clear(&p->held);
}

void events_people_line(struct events_people *p, const char *text)
{
    SRT_AUTO_BUF struct srt_buf whole = {0};

    srt_buf_addf(&whole, "%s\n", text);
    if (whole.overflow)
        return;
    events_people_show(p, false);
    if (p->held.len == 0 && in_line_mode(p)) {
        put(p, whole.data, whole.len);
        return;
    }
    p->line_mode_since_ms = 0;
    if (p->held_lost == 0)
        srt_buf_add(&p->held, whole.data, whole.len);
    p->held_lost += p->held.overflow;
}

bool events_people_holds(const struct events_people *p)
{
    return p->held.len > 0;
}

void events_people_end(struct events_people *p, uint64_t deadline_ms)
{
    events_people_show(p, true);
    if (p->sink != NULL)
        events_sink_end(p->sink, deadline_ms);
}
