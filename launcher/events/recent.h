/* The last events of the run, as lines for people and agents.  Not
 * thread-safe: the store holds its lock. */
#ifndef SRT_LAUNCHER_EVENTS_RECENT_H
#define SRT_LAUNCHER_EVENTS_RECENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define EVENTS_RECENT_MAX 1000u

struct events_recent_line {
    uint64_t seq;
    uint64_t count; /* with its repeats */
    char *text;     /* owned */
};

/* Zero-initialise. */
struct events_recent {
    struct events_recent_line *ring; /* owned; EVENTS_RECENT_MAX, or NULL */
    size_t next;                     /* where the next one goes */
    size_t n;
    uint64_t forgotten;
};

void events_recent_release(struct events_recent *r);
void events_recent_add(struct events_recent *r, uint64_t seq, const char *text);
/* `count` repeats of the event `seq`, if it is still known. */
void events_recent_repeat(struct events_recent *r, uint64_t seq,
                          uint64_t count);
/* The newest, or NULL. */
const struct events_recent_line *events_recent_last(
    const struct events_recent *r);
/* <sandbox_violations>, a line an event, </sandbox_violations>; nothing when
 * there is none. */
void events_recent_annotate(const struct events_recent *r, struct srt_buf *b);

#endif
