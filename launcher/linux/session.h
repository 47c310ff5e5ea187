/*
 * One run on Linux: started, served from the proxy's loop, ended.  Main thread,
 * but for session_send().
 */
#ifndef SRT_LAUNCHER_LINUX_SESSION_H
#define SRT_LAUNCHER_LINUX_SESSION_H

#include "launcher/environment.h"
#include "launcher/events/store.h"
#include "launcher/linux/channel.h"
#include "launcher/linux/plan.h"
#include "policy/compile.h"
#include "proxy/proxy.h"

/* What launcher/exec.c knows when everything is read; all borrowed. */
struct session_input {
    const struct policy *policy;
    const struct policy_settings *settings;
    struct events_store *events;
    const char *home;  /* for hints; or NULL */
    const char *cwd;   /* absolute */
    char *const *argv; /* NULL-terminated */
    const struct launcher_environment *environment;
    const char *bwrap;     /* absolute path */
    const char *init_path; /* srt-init on the host */
    const char *shim_path; /* the shim on the host, or NULL */
    enum policy_level level;
    const int *pass_fds;
    size_t npass_fds;
    unsigned closed_fds; /* bit N: descriptor N (0..2) was closed */
    /* Of the policy on this host (launcher/notes.h); NULL-terminated. */
    const char *const *warnings;
    const char *const *weakenings;
    bool force_plain_masks; /* tests: no FUSE (SRT_TEST_NO_FUSE=1) */
};

struct session {
    const struct session_input *in;
    const struct policy *policy; /* borrowed, as all below */
    const struct plan *plan;
    struct events_store *events;
    struct proxy_loop *loop;
    struct proxy *proxy;
    pid_t init_pid;   /* host pid of the sandbox's pid 1; 0: not known yet */
    pid_t supervisor; /* host pid */
    int diag_fd;      /* CHANNEL_DIAG, -1 until it came */
    uint64_t run;     /* random; shim/note.h */
    struct session_private *priv;
};

/* Run the command to its end.  *ret_status is the exit status of srt.  An
 * error is a failure of srt's own (125, or err->sys_errno ENOEXEC-like cases:
 * *ret_status is set to 126 or 127 then). */
enum srt_rc session_run(const struct session_input *in, int *ret_status,
                        struct srt_err *err) SRT_MUST_CHECK;

/* Queue a message to the supervisor.  From any thread; never blocks. */
void session_send(struct session *s, const struct channel_msg *m);

#endif
