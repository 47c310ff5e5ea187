/*
 * What srt-init is told: one sealed memfd, written by the launcher before
 * bwrap starts, read by srt-init inside.  Both are the same build; the layout
 * is no interface.  srt-init's arguments are two numbers: the descriptors of
 * the memfd and of its socket to the supervisor.
 *
 * Conversation on that socket (SOCK_SEQPACKET), one byte each:
 *   init: opens input files again, while all is read-only and unmasked
 *   init -> 'h' (with SCM_CREDENTIALS: its pid)   supervisor joins, mounts
 *   supervisor -> 'm'                             mounts are in place
 *   init: no_new_privs, Landlock, seccomp; -> 'l' with the listener
 *         ('n' without one at level preload)
 *   supervisor -> 'g'                             go: exec
 *   init -> 'e' + struct init_failure             a step failed; exits 125
 * After exec the socket is closed by close-on-exec: end of file means success.
 */
#ifndef SRT_LAUNCHER_LINUX_INIT_CONFIG_H
#define SRT_LAUNCHER_LINUX_INIT_CONFIG_H

#include <stdint.h>

#define INIT_CONFIG_MAGIC   0x54494e49u /* "INIT" */
#define INIT_CONFIG_SIGNALS 65

/* All offsets are bytes from the start of the memfd; strings NUL-terminated.
 * A list is `count` consecutive strings. */
struct init_config {
    uint32_t magic;
    uint32_t size; /* of the whole memfd */
    uint32_t cwd;
    uint32_t argv, argc;
    uint32_t env, envc;
    uint32_t path; /* PATH used to find argv[0]: that of the new environment */
    uint32_t filter, filter_len; /* struct sock_filter[filter_len] */
    uint32_t grants, ngrants;    /* struct init_grant[ngrants] */
    uint32_t landlock_abi;       /* as the launcher found it; >= 2 */
    uint32_t use_listener;
    uint32_t keep_fds, nkeep_fds;   /* int32_t[]: --pass-fd numbers */
    uint32_t again_fds, nagain_fds; /* int32_t[]: files to open again */
    int32_t stderr_fd;   /* becomes descriptor 2; -1: 2 is right already */
    uint32_t closed_fds; /* bit N: descriptor N (0..2) was closed */
    uint32_t umask;
    uint64_t signals_ignored; /* bit N-1: signal N is ignored for the
                                     command, as srt was started */
    uint64_t signals_blocked;
    uint64_t nofile_cur, nofile_max; /* RLIMIT_NOFILE as srt was started */
};

/* What failed, as text for people ("chdir '/x'"), and the errno. */
struct init_failure {
    char tag;            /* 'e' */
    uint8_t exit_status; /* 125; 126 and 127 when the command cannot run */
    int32_t error;
    char what[1024];
};

/* A Landlock rule: path_beneath. */
struct init_grant {
    uint32_t path; /* offset; 0: descriptor fd */
    int32_t fd;
};

#endif
