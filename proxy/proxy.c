#include "proxy/proxy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "proxy/internal.h"

enum { PAUSE_MS = 100, ACCEPT_BATCH = 64 };

/* A listener and what is done with what it accepts. */
struct proxy_listener {
    struct proxy_listener *next;
    struct proxy *p;
    struct proxy_watch watch;
    struct proxy_timer pause; /* after EMFILE: do not spin */
    int fd;
    proxy_accept_fn *fn;
};

void proxy_to_sockaddr(struct policy_addr a, uint16_t port,
                       union srt_sockaddr *ret, socklen_t *ret_len)
{
    memset(ret, 0, sizeof(*ret));
    if (a.family == 4) {
        ret->v4.sin_family = AF_INET;
        ret->v4.sin_port = htons(port);
        memcpy(&ret->v4.sin_addr, a.bytes, 4);
        *ret_len = sizeof(ret->v4);
    } else {
        ret->v6.sin6_family = AF_INET6;
        ret->v6.sin6_port = htons(port);
        memcpy(&ret->v6.sin6_addr, a.bytes, 16);
        *ret_len = sizeof(ret->v6);
    }
}

struct policy_addr proxy_from_sockaddr(const struct sockaddr *sa,
                                       uint16_t *ret_port)
{
    struct policy_addr a = {0};
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (sa->sa_family == AF_INET) {
        memcpy(&v4, sa, sizeof(v4));
        a.family = 4;
        memcpy(a.bytes, &v4.sin_addr, 4);
        *ret_port = ntohs(v4.sin_port);
    } else if (sa->sa_family == AF_INET6) {
        memcpy(&v6, sa, sizeof(v6));
        a.family = 6;
        memcpy(a.bytes, &v6.sin6_addr, 16);
        *ret_port = ntohs(v6.sin6_port);
    }
    return a;
}

void proxy_reset(int *fd)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};

    if (*fd >= 0)
        (void)setsockopt(*fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    srt_fd_close(fd);
}

bool proxy_take_connection(struct proxy *p)
{
    if (p->connections >= p->max_connections) {
        if (!p->warned_full)
            p->ops.warning(p->ops.ctx, "too many connections at once: new "
                                       "ones are refused");
        p->warned_full = true;
        return false;
    }
    p->connections++;
    return true;
}

void proxy_release_connection(struct proxy *p)
{
    p->connections--;
}

static void on_pause_over(struct proxy_timer *t)
{
    struct proxy_listener *l = SRT_CONTAINER_OF(t, struct proxy_listener,
                                                pause);

    proxy_loop_set(&l->watch, PROXY_LOOP_READ);
}

static void on_acceptable(struct proxy_watch *w, unsigned ready)
{
    struct proxy_listener *l = SRT_CONTAINER_OF(w, struct proxy_listener,
                                                watch);

    (void)ready;
    for (int i = 0; i < ACCEPT_BATCH; i++) {
        union srt_sockaddr peer = {.sa.sa_family = AF_UNSPEC};
        socklen_t len = sizeof(peer);
        int fd = accept4(l->fd, &peer.sa, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd < 0) {
            if ((errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
                 errno == ENOMEM) &&
                proxy_loop_after(l->p->loop, &l->pause, PAUSE_MS))
                proxy_loop_set(&l->watch, 0);
            return;
        }
        if (!proxy_take_connection(l->p))
            srt_fd_close(&fd);
        else
            l->fn(l->p, fd, &peer);
    }
}

enum srt_rc proxy_listen(struct proxy *p, int fd, proxy_accept_fn *fn,
                         struct srt_err *err)
{
    struct proxy_listener *l = calloc(1, sizeof(*l));
    enum srt_rc rc;

    if (l == NULL) {
        srt_fd_close(&fd);
        return srt_err_sys(err, ENOMEM, "listener");
    }
    l->p = p;
    l->fd = fd;
    l->fn = fn;
    l->watch.fn = on_acceptable;
    l->pause.fn = on_pause_over;
    rc = proxy_loop_add(p->loop, &l->watch, fd, PROXY_LOOP_READ, err);
    if (rc != SRT_OK) {
        srt_fd_close(&l->fd);
        free(l);
        return rc;
    }
    l->next = p->listeners;
    p->listeners = l;
    return SRT_OK;
}

enum srt_rc proxy_serve_dns_tcp(struct proxy *p, int fd, struct srt_err *err)
{
    return proxy_listen(p, fd, proxy_dns_accept, err);
}

enum srt_rc proxy_serve_http(struct proxy *p, int fd, struct srt_err *err)
{
    return proxy_listen(p, fd, proxy_http_accept, err);
}

enum srt_rc proxy_serve_socks(struct proxy *p, int fd, struct srt_err *err)
{
    return proxy_listen(p, fd, proxy_socks_accept, err);
}

static void learn_own_names(struct proxy *p, const char *hosts_file)
{
    char name[PROXY_SELF_SIZE] = "";

    if (gethostname(name, sizeof(name) - 1) != 0)
        name[0] = '\0';
    proxy_self_read(&p->self, name, hosts_file);
}

enum srt_rc proxy_new(struct proxy_loop *loop, const struct proxy_options *o,
                      struct proxy **ret, struct srt_err *err)
{
    struct proxy *p = calloc(1, sizeof(*p));
    enum srt_rc rc;

    if (p == NULL)
        return srt_err_sys(err, ENOMEM, "proxy");
    p->loop = loop;
    p->image = o->image;
    p->ops = o->ops;
    p->max_connections = o->max_connections != 0 ? o->max_connections
                                                 : PROXY_MAX_CONNECTIONS;
    p->names = proxy_names_new();
    if (p->names == NULL) {
        free(p);
        return srt_err_sys(err, ENOMEM, "proxy");
    }
    learn_own_names(p, o->hosts_file);
    rc = proxy_dns_new(p, o->resolv_conf, err);
    if (rc == SRT_OK)
        rc = proxy_resolver_new(p, o, &p->resolver, err);
    if (rc != SRT_OK) {
        proxy_dns_free(p);
        proxy_names_free(p->names);
        free(p);
        return rc;
    }
    *ret = p;
    return SRT_OK;
}

/* At the end of the run: connections that are still open end with the
 * process. */
void proxy_free(struct proxy *p)
{
    if (p == NULL)
        return;
    while (p->listeners != NULL) {
        struct proxy_listener *l = p->listeners;

        p->listeners = l->next;
        proxy_loop_cancel(&l->pause);
        proxy_loop_remove(&l->watch);
        srt_fd_close(&l->fd);
        free(l);
    }
    proxy_routes_free(p);
    proxy_dns_close(p);
    proxy_resolver_free(p->resolver);
    proxy_dns_free(p);
    proxy_names_free(p->names);
    free(p);
}
