/*
 * The event store: the one place where an event gets its number.
 *
 * Every function may be called from any thread.  "Recorded" means: in the
 * store with its final seq, and offered to every sink that accepts, before
 * events_store_violation() returns; a sink that does not take a line within
 * 100 ms is behind from then on and served by a writer of its own.
 */
#ifndef SRT_LAUNCHER_EVENTS_STORE_H
#define SRT_LAUNCHER_EVENTS_STORE_H

#include "base/error.h"
#include "launcher/events/event.h"
#include "policy/image.h"

struct events_store;

struct events_options {
    const struct policy_image *image; /* borrowed: ignoreViolations */
    const char *command;              /* command line for ignoreViolations */
    bool verbose;  /* probes in human output, human lines always */
    bool quiet;    /* neither human lines nor summary */
    bool annotate; /* <sandbox_violations> block at exit */
    int err_fd;    /* borrowed: the launcher's stderr */
};

/* The policy, once it is compiled; before any violation.  (The store is opened
 * earlier, so that errors of the policy reach it.) */
void events_store_set_image(struct events_store *s,
                            const struct policy_image *image);
/* Sinks are added before events_store_start(): "-", "FILE", "fd:N",
 * "unix:PATH" (docs/events.md).  fd:N and its descriptor stay the user's. */
struct events_store *events_store_new(const struct events_options *o);
enum srt_rc events_store_add_sink(struct events_store *s, const char *dest,
                                  struct srt_err *err) SRT_MUST_CHECK;
/* Descriptor numbers of "fd:N" sinks must not reach the command: true if fd
 * belongs to a sink. */
bool events_store_owns_fd(const struct events_store *s, int fd);

/* The first record: policy, layers in force, every weakening.  `layers` and
 * `weakenings` are NULL-terminated lists of words and sentences; `silent` are
 * the system calls answered ENOSYS without an event; `untold` sentences: what
 * may fail without a record though the policy does not refuse it. */
struct events_start {
    const char *policy_path; /* NULL: built-in */
    const char *policy_sha256;
    const char *level; /* "full", "preload" */
    const char *const *layers;
    const char *const *weakenings;
    const char *const *silent;
    const char *const *untold;
    const char *const *argv; /* NULL-terminated */
    const char *cwd;
};

void events_store_start(struct events_store *s, const struct events_start *st);

/* Returns after the event is recorded (or folded, or ignored). */
void events_store_violation(struct events_store *s,
                            const struct events_violation *v,
                            const struct events_process *p);
/* A bug or an odd host, never silent.  fmt must give one line. */
void events_store_warning(struct events_store *s, const char *fmt, ...)
    SRT_PRINTF(2, 3);
/* srt itself failed (exit 125): also the JSON "error" record. */
void events_store_error(struct events_store *s, const char *message);

/* Flush repeats, write the exit record, the summary or the annotation; waits
 * at most 1 s for slow sinks, then counts what they lost. */
void events_store_finish(struct events_store *s, int status);
void events_store_free(struct events_store *s);

#endif
