/* The records of docs/events.md as JSON Lines, one function a type; each
 * appends one whole line. */
#ifndef SRT_LAUNCHER_EVENTS_RECORD_H
#define SRT_LAUNCHER_EVENTS_RECORD_H

#include <stdint.h>

#include "base/buf.h"
#include "launcher/events/event.h"
#include "launcher/events/store.h"
#include "launcher/events/totals.h"

struct policy_change_log;

struct events_record_head {
    uint64_t seq;
    const char *run;
};

void events_record_start(struct srt_buf *b, struct events_record_head h,
                         const struct events_start *st);
/* v->allowed makes it a "warning".  `changes`: what the changes of the run's
 * earlier records did. */
void events_record_violation(struct srt_buf *b, struct events_record_head h,
                             const struct events_violation *v,
                             const struct events_process *p,
                             struct policy_change_log *changes);
/* `coarse`: the repeats are of the same rule, not of the same target. */
void events_record_repeat(struct srt_buf *b, struct events_record_head h,
                          uint64_t ref, uint64_t count, bool coarse);
/* `type`: "warning" or "error". */
void events_record_message(struct srt_buf *b, struct events_record_head h,
                           const char *type, const char *message);
/* h.seq is that of the last event lost. */
void events_record_dropped(struct srt_buf *b, struct events_record_head h,
                           uint64_t count, uint64_t first_lost);
void events_record_exit(struct srt_buf *b, struct events_record_head h,
                        int status, const struct events_totals *totals,
                        uint64_t ignored);

#endif
