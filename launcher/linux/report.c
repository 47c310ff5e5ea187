#include "launcher/linux/report.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "base/path.h"
#include "launcher/linux/hostcheck.h"
#include "launcher/linux/process.h"
#include "launcher/linux/tell.h"

/* A program could open connections without end: so many at once, so many
 * reports a second, the rest is closed unread. */
enum { CONNECTIONS_MAX = 64, PER_SECOND_MAX = 2000, WAIT_MS = 2000 };

struct connection {
    struct proxy_watch watch;
    struct proxy_timer timer;
    struct report *owner;
    int fd;
    uint16_t port; /* the client's, inside */
    size_t len;
    char bytes[sizeof(struct shim_wire_report) + SHIM_WIRE_PATH_MAX];
};

struct report {
    struct session *session;
    struct proxy_watch watch;
    int listener;
    unsigned open;
    uint64_t second; /* of the loop's clock */
    unsigned in_second;
    bool warned;
    struct connection *all[CONNECTIONS_MAX];
};

enum report_parse report_parse(const void *bytes, size_t len,
                               struct shim_wire_report *ret, char *path)
{
    struct shim_wire_report head;
    const char *text = (const char *)bytes + sizeof(head);
    char clean[SRT_PATH_MAX];

    if (len < sizeof(head))
        return REPORT_PARSE_MORE;
    memcpy(&head, bytes, sizeof(head));
    if (head.magic != SHIM_WIRE_MAGIC || head.op < SHIM_WIRE_READ ||
        head.op > SHIM_WIRE_CREATE || head.path_len == 0 ||
        head.path_len >= SHIM_WIRE_PATH_MAX || head.err <= 0 || head.err > 4095)
        return REPORT_PARSE_BAD;
    if (len < sizeof(head) + head.path_len)
        return REPORT_PARSE_MORE;
    if (memchr(text, '\0', head.path_len) != NULL)
        return REPORT_PARSE_BAD;
    memcpy(path, text, head.path_len);
    path[head.path_len] = '\0';
    if (!srt_path_clean(path, clean, sizeof(clean)))
        return REPORT_PARSE_BAD;
    memcpy(path, clean, strlen(clean) + 1);
    *ret = head;
    return REPORT_PARSE_OK;
}

static void free_connection(void *what)
{
    free(what);
}

static void close_connection(struct connection *c)
{
    struct report *r = c->owner;

    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        if (r->all[i] == c)
            r->all[i] = NULL;
    r->open--;
    proxy_loop_cancel(&c->timer);
    proxy_loop_remove(&c->watch);
    srt_fd_close(&c->fd);
    proxy_loop_defer(r->session->loop, free_connection, c);
}

/* What the failed open meant: a program that asks for O_CREAT may well have met
 * a file that was there. */
static enum events_op op_of(const struct shim_wire_report *head,
                            const char *path)
{
    struct stat st;

    if (head->op == SHIM_WIRE_READ)
        return EVENTS_OP_FILE_READ;
    return head->op == SHIM_WIRE_CREATE && lstat(path, &st) != 0
               ? EVENTS_OP_FILE_CREATE
               : EVENTS_OP_FILE_WRITE;
}

/* Would the host have refused it, too? */
static bool is_hosts(enum events_op op, const char *path)
{
    static struct channel_msg m;
    char parent[SRT_PATH_MAX];
    const char *name = srt_path_split(path, parent, sizeof(parent));
    int err;

    if (op == EVENTS_OP_FILE_READ)
        return hostcheck_read(path, &err) == HOSTCHECK_WOULD_FAIL;
    if (name == NULL)
        return true; /* "/" is no file */
    channel_msg_init(&m, CHANNEL_REFUSED, 0, 0);
    m.nr = SYS_openat;
    m.check = CHANNEL_CHECK_OPEN;
    m.flags = O_WRONLY | (op == EVENTS_OP_FILE_CREATE ? O_CREAT : 0);
    (void)channel_msg_add(&m, parent);
    (void)channel_msg_add(&m, name);
    return hostcheck_write(&m, &err) == HOSTCHECK_WOULD_FAIL;
}

/* Only what the policy refuses and the host would have allowed. */
static void record(struct report *r, const struct connection *c,
                   const struct shim_wire_report *head, const char *path)
{
    struct session *s = r->session;
    const enum events_op op = op_of(head, path);
    bool read = op == EVENTS_OP_FILE_READ;
    struct policy_decision d = read ? policy_decide_read(s->policy->image, path)
                                    : policy_decide_write(s->policy->image,
                                                          path);
    const struct policy_refused what = {
        .kind = read                          ? POLICY_SUBJECT_READ
                : op == EVENTS_OP_FILE_CREATE ? POLICY_SUBJECT_ENTRY
                                              : POLICY_SUBJECT_WRITE,
        .deed = POLICY_DEED_MAKES,
        .target = path,
    };
    struct events_violation v = {
        .op = op,
        .source = EVENTS_SOURCE_SHIM,
        .target = path,
        .call = "open",
        .err = head->err,
    };

    if (d.verdict == POLICY_ALLOW || is_hosts(op, path))
        return;
    tell_violation(s, &v, &d, &what,
                   process_by_port(s->diag_fd, s->init_pid, AF_INET,
                                   IPPROTO_TCP, c->port));
}

static void on_readable(struct proxy_watch *w, unsigned ready)
{
    struct connection *c = SRT_CONTAINER_OF(w, struct connection, watch);
    struct shim_wire_report head;
    char path[SHIM_WIRE_PATH_MAX + 1];
    ssize_t n = read(c->fd, c->bytes + c->len, sizeof(c->bytes) - c->len);

    (void)ready;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        c->len += (size_t)n;
    switch (report_parse(c->bytes, c->len, &head, path)) {
    case REPORT_PARSE_OK:
        record(c->owner, c, &head, path);
        (void)send(c->fd, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        break;
    case REPORT_PARSE_MORE:
        if (n > 0)
            return;
        break;
    case REPORT_PARSE_BAD:
        break;
    }
    close_connection(c);
}

static void on_timeout(struct proxy_timer *t)
{
    close_connection(SRT_CONTAINER_OF(t, struct connection, timer));
}

static bool too_many(struct report *r)
{
    uint64_t second = proxy_loop_now(r->session->loop) / 1000;

    if (second != r->second) {
        r->second = second;
        r->in_second = 0;
    }
    if (r->open < CONNECTIONS_MAX && ++r->in_second <= PER_SECOND_MAX)
        return false;
    if (!r->warned)
        events_store_warning(r->session->events,
                             "the shim reports too fast: some are not "
                             "recorded");
    r->warned = true;
    return true;
}

static void accept_one(struct report *r, int fd, uint16_t port)
{
    struct connection *c = too_many(r) ? NULL : calloc(1, sizeof(*c));
    struct srt_err err;
    size_t i = 0;

    if (c == NULL) {
        (void)close(fd);
        return;
    }
    c->owner = r;
    c->fd = fd;
    c->port = port;
    c->watch.fn = on_readable;
    c->timer.fn = on_timeout;
    while (r->all[i] != NULL)
        i++;
    r->all[i] = c;
    r->open++;
    if (proxy_loop_add(r->session->loop, &c->watch, fd, PROXY_LOOP_READ,
                       &err) != SRT_OK ||
        !proxy_loop_after(r->session->loop, &c->timer, WAIT_MS))
        close_connection(c);
}

static void on_listener(struct proxy_watch *w, unsigned ready)
{
    struct report *r = SRT_CONTAINER_OF(w, struct report, watch);

    (void)ready;
    for (int i = 0; i < 32; i++) {
        struct sockaddr_in peer = {0};
        socklen_t len = sizeof(peer);
        int fd = accept4(r->listener, (struct sockaddr *)&peer, &len,
                         SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd < 0)
            return;
        accept_one(r, fd, ntohs(peer.sin_port));
    }
}

enum srt_rc report_new(struct session *s, int listener, struct report **ret,
                       struct srt_err *err)
{
    struct report *r = srt_xcalloc(1, sizeof(*r));
    enum srt_rc rc;

    r->session = s;
    r->listener = listener;
    r->watch.fn = on_listener;
    rc = proxy_loop_add(s->loop, &r->watch, listener, PROXY_LOOP_READ, err);
    if (rc != SRT_OK) {
        srt_fd_close(&r->listener);
        free(r);
        return rc;
    }
    *ret = r;
    return SRT_OK;
}

void report_free(struct report *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        if (r->all[i] != NULL)
            close_connection(r->all[i]);
    proxy_loop_remove(&r->watch);
    srt_fd_close(&r->listener);
    free(r);
}
