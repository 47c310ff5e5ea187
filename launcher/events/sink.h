/*
 * A sink: a descriptor that lines go to.
 *
 * A line is written at once, by the caller, and accepted if all of it went out
 * within EVENTS_SINK_PATIENCE_MS.  A sink that did not take one is *behind*
 * from then on: lines go to a bounded queue that a writer thread of the sink's
 * own empties, and nobody waits.  While the queue is more than half full,
 * refusals by a rule that this sink has told of already are only counted, and
 * told as one coarse "repeat" later; what does not fit at all is counted in a
 * "dropped" record.  A sink whose reader is gone takes nothing any more.
 *
 * One thread at a time calls these functions (the store holds its lock).
 */
#ifndef SRT_LAUNCHER_EVENTS_SINK_H
#define SRT_LAUNCHER_EVENTS_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define EVENTS_SINK_PATIENCE_MS 100
#define EVENTS_SINK_QUEUE_BYTES ((size_t)1 << 20)

struct events_line {
    const char *text; /* with its newline */
    size_t len;
    uint64_t seq;
    const char *rule; /* a violation or its repeat: may be folded by rule */
    bool first;       /* the violation itself */
    uint64_t weight;  /* events that it stands for */
};

struct events_sink;

/* `fd` is taken.  `name` and `run` are copied and borrowed. */
struct events_sink *events_sink_new(int fd, const char *name, const char *run);
void events_sink_put(struct events_sink *s, const struct events_line *line);
/* No more lines: wait for the writer until `deadline_ms` (srt_clock_ms). */
void events_sink_end(struct events_sink *s, uint64_t deadline_ms);
void events_sink_free(struct events_sink *s);

const char *events_sink_name(const struct events_sink *s);
/* 0, or the errno that ended it. */
int events_sink_error(struct events_sink *s);
/* Events that the sink's reader will never see (after events_sink_end()). */
uint64_t events_sink_lost(const struct events_sink *s);

#endif
