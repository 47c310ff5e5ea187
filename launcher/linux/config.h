/* Writes srt-init's configuration (init_config.h) into a sealed memfd. */
#ifndef SRT_LAUNCHER_LINUX_CONFIG_H
#define SRT_LAUNCHER_LINUX_CONFIG_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>

#include "base/error.h"
#include "launcher/linux/init_config.h"

/* All borrowed. */
struct config_input {
    const char *cwd;                /* absolute */
    char *const *argv, *const *env; /* NULL-terminated */
    const char *path;               /* PATH for finding argv[0] */
    const struct sock_filter *filter;
    size_t filter_len;
    const char *const *grant_paths; /* Landlock: writable below these */
    size_t ngrant_paths;
    const int *grant_fds; /* and these descriptors of the command */
    size_t ngrant_fds;
    const int *again_fds; /* input files to open again inside */
    size_t nagain_fds;
    int landlock_abi; /* >= 2 */
    bool listener;
    const int *keep_fds; /* sorted, above 2 */
    size_t nkeep_fds;
    int stderr_fd; /* see init_config.h */
    unsigned closed_fds;
    uint64_t signals_ignored, signals_blocked;
    unsigned umask;
    struct rlimit nofile;
};

/* Returns the descriptor (owned, not close-on-exec) in *ret_fd. */
enum srt_rc config_write(const struct config_input *in, int *ret_fd,
                         struct srt_err *err) SRT_MUST_CHECK;

#endif
