/* Writing to descriptors that belong to others: never blocks for longer than
 * asked, never a signal, never changes a flag that others share. */
#ifndef SRT_LAUNCHER_EVENTS_OUTPUT_H
#define SRT_LAUNCHER_EVENTS_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

struct events_output {
    int fd; /* owned; an open file description of our own where possible */
    bool socket;
    bool file;        /* never makes a writer wait */
    bool nonblocking; /* else written after poll(2), in small pieces */
};

/* Takes fd. */
void events_output_init(struct events_output *o, int fd);
void events_output_release(struct events_output *o);
/* Write what goes out within timeout_ms.  Returns the bytes written;
 * *ret_error is 0 or the errno that ended it; then of a file whole lines, if it
 * could be cut. */
size_t events_output_write(const struct events_output *o, const char *bytes,
                           size_t len, int timeout_ms, int *ret_error);

#endif
