/*
 * What people see on standard error: lines, a summary, warnings.
 *
 * While the terminal is not in line mode an editor or a pager owns the
 * screen: lines are held until it has been again for a moment (it leaves the
 * alternate screen after its mode), or the run ends.  Not thread-safe:
 * the store holds its lock.
 */
#ifndef SRT_LAUNCHER_EVENTS_PEOPLE_H
#define SRT_LAUNCHER_EVENTS_PEOPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "launcher/events/sink.h"

/* Held at most; what is more is counted. */
#define EVENTS_PEOPLE_HELD_BYTES ((size_t)256 << 10)

struct events_people {
    struct events_sink *sink; /* owned; NULL: could not be made */
    int fd;                   /* borrowed; asked for its mode */
    bool terminal, colour;
    struct srt_buf held;
    uint64_t line_mode_since_ms; /* 0: it is not */
    uint64_t held_lost;
};

/* `fd` is borrowed. */
void events_people_init(struct events_people *p, int fd, const char *run);
void events_people_release(struct events_people *p);

/* One line without its newline. */
void events_people_line(struct events_people *p, const char *text);
/* Show what is held if the terminal is in line mode again, or `now`. */
void events_people_show(struct events_people *p, bool now);
bool events_people_holds(const struct events_people *p);
/* Show all, wait for the writer. */
void events_people_end(struct events_people *p, uint64_t deadline_ms);

#endif
