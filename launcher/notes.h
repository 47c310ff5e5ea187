/* What a person should know of a policy on this host before a command runs
 * under it: none of it is an error, and none of it may pass in silence. */
#ifndef SRT_LAUNCHER_NOTES_H
#define SRT_LAUNCHER_NOTES_H

#include "base/alloc.h"
#include "policy/compile.h"

struct launcher_notes {
    /* Both owned, NULL-terminated; the sentences live in the arena. */
    const char **warnings;   /* told by an event and a line */
    const char **weakenings; /* what the run does not enforce */
    size_t nwarnings, nweakenings;
    struct srt_arena arena;
};

/*
 *   an allow entry that a symlink in a writable place leads away   both
 *   a denied or protected file that has other hard links           a warning
 *   ~/.srt-settings.json that is absent and could be made          a weakening
 */
void launcher_notes_make(const struct policy *p, const struct policy_host *host,
                         struct launcher_notes *ret);
void launcher_notes_release(struct launcher_notes *n);

#endif
