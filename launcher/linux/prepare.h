/* What a run needs before its processes start: all errors end here. */
#ifndef SRT_LAUNCHER_LINUX_PREPARE_H
#define SRT_LAUNCHER_LINUX_PREPARE_H

#include <sys/resource.h>

#include "launcher/linux/session.h"

/* Descriptors are owned by this struct until prepare_release(). */
struct prepare {
    struct plan plan;
    int landlock_abi; /* >= 2 */
    bool fuse;        /* what is denied is covered by masks that report */
    bool plain_masks; /* ... or by some that cannot */
    bool ipv6;
    int image_fd, shim_fd, config_fd;
    int channel[2];       /* launcher's, supervisor's */
    int init[2];          /* supervisor's, srt-init's */
    int bwrap_error[2];   /* reading, writing */
    int stderr_fd;        /* the command's standard error, for srt-init */
    struct rlimit nofile; /* as srt was started */
    bool xfsz_ignored;    /* so was SIGXFSZ */
};

enum srt_rc prepare_make(const struct session_input *in, uint64_t run,
                         struct prepare *ret,
                         struct srt_err *err) SRT_MUST_CHECK;
void prepare_release(struct prepare *p);

#endif
