/* Events for people: one line each, without its newline, safe on a terminal. */
#ifndef SRT_LAUNCHER_EVENTS_HUMAN_H
#define SRT_LAUNCHER_EVENTS_HUMAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "launcher/events/event.h"
#include "launcher/events/fold.h"

/* "tee[7]", "" when nothing is known of it. */
void events_human_who(struct srt_buf *b, const struct events_process *p);

enum events_human_how {
    EVENTS_HUMAN_COLOUR = 1,
};

/* srt: denied write  /home/a/notes  tee[7]  no allowWrite entry covers it
 * (/filesystem/allowWrite); HINT */
void events_human_violation(struct srt_buf *b, const struct events_violation *v,
                            const char *who, unsigned how);
/* srt: denied write  /home/a/notes  tee[7]  17 times more (RULE) */
void events_human_repeat(struct srt_buf *b, const struct events_folded *f,
                         unsigned how);
/* The same for --annotate and the summary: no "srt:", no colour, no tag in
 * it. */
void events_human_note(struct srt_buf *b, const struct events_violation *v,
                       const char *who);

#endif
