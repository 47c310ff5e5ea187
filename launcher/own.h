/* srt's own files: a command that could change one of them would choose the
 * sandbox of the next run.  For exec, explain and check alike. */
#ifndef SRT_LAUNCHER_OWN_H
#define SRT_LAUNCHER_OWN_H

#include "base/path.h"
#include "launcher/options.h"
#include "policy/compile.h"

/* Event files, and the handful that own.c adds. */
#define LAUNCHER_OWN_MAX (LAUNCHER_OPTIONS_MAX_LIST + 16)

struct launcher_own {
    char init_path[SRT_PATH_MAX]; /* beside srt; maybe not there */
    char shim_path[SRT_PATH_MAX]; /* likewise */
    struct policy_own_file
        files[LAUNCHER_OWN_MAX + 1]; /* ends in a NULL path */
    size_t n;
    struct srt_arena arena; /* their paths */
};

/*
 * srt as it was started and as it really is, srt-init, the shim, the bwrap
 * that would be taken, event files, and every policy that this run or the
 * next could take without being told otherwise.  Whether they are there is not
 * asked.  Relative names are made absolute by the working directory that srt
 * itself has, whatever --cwd says: there they were or will be opened.
 */
enum srt_rc launcher_own_find(const struct launcher_options *o,
                              const struct policy_settings *s,
                              struct launcher_own *ret,
                              struct srt_err *err) SRT_MUST_CHECK;
void launcher_own_release(struct launcher_own *own);

#endif
