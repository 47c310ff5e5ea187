/* The words of docs/events.md for our enums and for errnos. */
#ifndef SRT_LAUNCHER_EVENTS_NAMES_H
#define SRT_LAUNCHER_EVENTS_NAMES_H

#include <stddef.h>

#include "launcher/events/event.h"

#define EVENTS_NAMES_ERRNO_MAX 24

const char *events_names_op(enum events_op op);        /* "file-write" */
const char *events_names_verb(enum events_op op);      /* "write" */
const char *events_names_source(enum events_source s); /* "supervisor" */
/* "EROFS"; an unknown one as "errno 4242".  Returns out or a constant. */
const char *events_names_errno(int err, char out[EVENTS_NAMES_ERRNO_MAX]);

#endif
