/*
 * The launcher's half of one run: it serves the supervisor's channel from the
 * proxy's loop and owns what the handlers need.  Main thread, but for
 * session_send().
 */
#ifndef SRT_LAUNCHER_LINUX_SESSION_H
#define SRT_LAUNCHER_LINUX_SESSION_H

#include "launcher/events/store.h"
#include "launcher/linux/channel.h"
#include "launcher/linux/plan.h"
#include "policy/compile.h"
#include "proxy/proxy.h"

struct session {
    const struct policy *policy; /* borrowed, as all below */
    const struct plan *plan;
    struct events_store *events;
    struct proxy_loop *loop;
    struct proxy *proxy;
    pid_t init_pid;   /* host pid of the sandbox's pid 1 */
    pid_t supervisor; /* host pid */
    int diag_fd;      /* CHANNEL_DIAG, -1 until it came */
    struct session_private *priv;
};

/* Queue a message to the supervisor.  From any thread; never blocks. */
void session_send(struct session *s, const struct channel_msg *m);

#endif
