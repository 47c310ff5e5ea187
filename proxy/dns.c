/*
 * Look-ups from inside: on UDP and TCP port 53 of whatever address the program
 * takes for a name server.  Only names that the policy allows are asked
 * upstream; what an answer leads to is checked and remembered.
 */
#include <ares.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "policy/host.h"
#include "proxy/dnsmsg.h"
#include "proxy/internal.h"

enum {
    QUERIES_MAX = 512,           /* under way at once */
    STREAM_OUT_MAX = 256 * 1024, /* a client that does not read */
    STREAM_IDLE_MS = 10000,
    BATCH = 64,
    TTL_MAX_S = 60, /* names are kept for the whole run, addresses change */
    SUFFIXES_MAX = 8,
};

/* A socket that takes queries: the UDP one, or one TCP connection. */
struct endpoint {
    struct endpoint *next;
    struct proxy *p;
    struct proxy_watch watch;
    struct proxy_timer idle;
    int fd; /* owned; -1: closed, kept for the queries under way */
    unsigned pending;
    bool stream;
    union proxy_sockaddr peer;                /* stream */
    size_t in_len, out_len, out_at;           /* stream */
    uint8_t in[2 + PROXY_DNSMSG_NAME + 1024]; /* stream: one query at most */
    uint8_t *out;                             /* stream: owned */
};

/* Where a datagram's answer goes, and the address it must come from. */
struct return_path {
    union proxy_sockaddr peer;
    socklen_t peer_len;
    struct in_addr v4;
    struct in6_addr v6;
};

struct query {
    struct endpoint *from;
    struct return_path back;
    struct proxy_dnsmsg_query q;
    char host[PROXY_DNSMSG_NAME]; /* canonical */
};

struct proxy_dns {
    struct endpoint *endpoints;
    unsigned queries;
    bool warned;
    char suffixes[SUFFIXES_MAX][PROXY_DNSMSG_NAME];
    size_t nsuffixes;
};

static const struct {
    uint16_t type;
    const char *name;
} type_names[] = {
    {PROXY_DNSMSG_A, "A"},         {PROXY_DNSMSG_AAAA, "AAAA"},
    {PROXY_DNSMSG_NS, "NS"},       {PROXY_DNSMSG_CNAME, "CNAME"},
    {PROXY_DNSMSG_SOA, "SOA"},     {PROXY_DNSMSG_PTR, "PTR"},
    {PROXY_DNSMSG_MX, "MX"},       {16, "TXT"},
    {PROXY_DNSMSG_SRV, "SRV"},     {PROXY_DNSMSG_SVCB, "SVCB"},
    {PROXY_DNSMSG_HTTPS, "HTTPS"}, {PROXY_DNSMSG_ANY, "ANY"},
};

static const char *type_name(uint16_t type)
{
    for (size_t i = 0; i < SRT_ARRAY_LEN(type_names); i++)
        if (type_names[i].type == type)
            return type_names[i].name;
    return "look-up";
}

/* ---- sending ---- */

static void send_datagram(const struct endpoint *e, const struct return_path *b,
                          uint8_t *bytes, size_t len)
{
    union {
        char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
        struct cmsghdr align;
    } control = {.bytes = {0}};
    struct iovec v = {bytes, len};
    union proxy_sockaddr peer = b->peer;
    struct msghdr m = {.msg_name = &peer,
                       .msg_namelen = b->peer_len,
                       .msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes};
    struct cmsghdr *c = &control.align;

    if (b->peer.sa.sa_family == AF_INET) {
        const struct in_pktinfo info = {.ipi_spec_dst = b->v4};

        c->cmsg_level = IPPROTO_IP;
        c->cmsg_type = IP_PKTINFO;
        c->cmsg_len = CMSG_LEN(sizeof(info));
        memcpy(CMSG_DATA(c), &info, sizeof(info));
        m.msg_controllen = CMSG_SPACE(sizeof(info));
    } else {
        const struct in6_pktinfo info = {.ipi6_addr = b->v6};

        c->cmsg_level = IPPROTO_IPV6;
        c->cmsg_type = IPV6_PKTINFO;
        c->cmsg_len = CMSG_LEN(sizeof(info));
        memcpy(CMSG_DATA(c), &info, sizeof(info));
        m.msg_controllen = CMSG_SPACE(sizeof(info));
    }
    (void)sendmsg(e->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void free_endpoint(void *what)
{
    struct endpoint *e = what;

    free(e->out);
    free(e);
}

/* Nothing more comes or goes; its memory stays while queries are under way. */
static void close_endpoint(struct endpoint *e)
{
    struct endpoint **at = &e->p->dns->endpoints;

    if (e->fd >= 0) {
        proxy_loop_cancel(&e->idle);
        proxy_loop_remove(&e->watch);
        srt_fd_close(&e->fd);
        if (e->stream)
            proxy_release_connection(e->p);
    }
    if (e->pending > 0)
        return;
    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    proxy_loop_defer(e->p->loop, free_endpoint, e);
}

static void flush_stream(struct endpoint *e)
{
    while (e->out_at < e->out_len) {
        ssize_t n = send(e->fd, e->out + e->out_at, e->out_len - e->out_at,
                         MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && errno == EAGAIN) {
            proxy_loop_set(&e->watch, PROXY_LOOP_READ | PROXY_LOOP_WRITE);
            return;
        }
        if (n <= 0) {
            close_endpoint(e);
            return;
        }
        e->out_at += (size_t)n;
    }
    e->out_at = 0;
    e->out_len = 0;
    proxy_loop_set(&e->watch, PROXY_LOOP_READ);
}

static void send_stream(struct endpoint *e, const uint8_t *bytes, size_t len)
{
    const uint8_t head[2] = {(uint8_t)(len >> 8), (uint8_t)len};
    uint8_t *grown = NULL;

    if (e->out_len < STREAM_OUT_MAX)
        grown = realloc(e->out, e->out_len + 2 + len);
    if (grown == NULL) {
        close_endpoint(e);
        return;
    }
    e->out = grown;
    memcpy(e->out + e->out_len, head, 2);
    memcpy(e->out + e->out_len + 2, bytes, len);
    e->out_len += 2 + len;
    flush_stream(e);
}

/* One thread, one answer at a time. */
static uint8_t scratch[PROXY_DNSMSG_MAX];

static void begin(struct proxy_dnsmsg_answer *a, const struct query *x,
                  enum proxy_dnsmsg_rcode rcode)
{
    proxy_dnsmsg_begin(a, &x->q, rcode, scratch,
                       x->from->stream ? sizeof(scratch) : x->q.udp_size);
}

static void finish(struct query *x, struct proxy_dnsmsg_answer *a, uint16_t ede,
                   const char *text)
{
    size_t len = proxy_dnsmsg_end(a, &x->q, ede, text);

    if (x->from->fd < 0)
        return;
    if (x->from->stream)
        send_stream(x->from, scratch, len);
    else
        send_datagram(x->from, &x->back, scratch, len);
}

static void answer_code(struct query *x, enum proxy_dnsmsg_rcode rcode)
{
    struct proxy_dnsmsg_answer a;

    begin(&a, x, rcode);
    finish(x, &a, 0, "");
}

/* ---- judging ---- */

/* Is it an allowed name with a suffix of the search list behind it? */
static bool is_probe(const struct proxy *p, const char *host)
{
    size_t len = strlen(host);

    for (size_t i = 0; i < p->dns->nsuffixes; i++) {
        const char *suffix = p->dns->suffixes[i];
        size_t n = strlen(suffix);
        char head[PROXY_DNSMSG_NAME];

        if (len <= n + 1 || host[len - n - 1] != '.' ||
            strcmp(host + len - n, suffix) != 0)
            continue;
        memcpy(head, host, len - n - 1);
        head[len - n - 1] = '\0';
        if (policy_decide_resolve(p->image, head).verdict == POLICY_ALLOW)
            return true;
    }
    return false;
}

static void refuse(struct query *x, const char *host, struct policy_addr a,
                   const struct policy_decision *d)
{
    struct proxy *p = x->from->p;
    struct proxy_dnsmsg_answer out;
    const struct proxy_refusal r = {
        .client = {.via = PROXY_VIA_DNS,
                   .family = x->back.peer.sa.sa_family,
                   .proto = x->from->stream ? IPPROTO_TCP : IPPROTO_UDP,
                   .port = ntohs(x->back.peer.v4.sin_port)},
        .host = host,
        .address = a,
        .call = type_name(x->q.type),
        .decision = *d,
        .probe = is_probe(p, host),
    };

    p->ops.refused(p->ops.ctx, &r);
    begin(&out, x, PROXY_DNSMSG_NXDOMAIN);
    finish(x, &out, PROXY_DNSMSG_EDE_FILTERED, d->reason);
}

/* ---- answers from upstream ---- */

static struct query *keep(const struct query *x)
{
    struct proxy_dns *dns = x->from->p->dns;
    struct query *kept = NULL;

    if (dns->queries < QUERIES_MAX)
        kept = malloc(sizeof(*kept));
    if (kept == NULL) {
        if (!dns->warned)
            x->from->p->ops.warning(x->from->p->ops.ctx,
                                    "too many look-ups at once: some fail");
        dns->warned = true;
        return NULL;
    }
    *kept = *x;
    dns->queries++;
    kept->from->pending++;
    return kept;
}

static void end_query(struct query *x)
{
    struct endpoint *e = x->from;

    e->p->dns->queries--;
    e->pending--;
    if (e->fd < 0)
        close_endpoint(e);
    free(x);
}

static enum proxy_dnsmsg_rcode rcode_of(int status)
{
    if (status == ARES_SUCCESS || status == ARES_ENODATA)
        return PROXY_DNSMSG_NOERROR;
    return status == ARES_ENOTFOUND ? PROXY_DNSMSG_NXDOMAIN
                                    : PROXY_DNSMSG_SERVFAIL;
}

static void answer_addresses(struct query *x, const struct policy_addr *list,
                             size_t n, uint32_t ttl)
{
    const uint8_t family = x->q.type == PROXY_DNSMSG_A ? 4 : 6;
    struct proxy_dnsmsg_answer a;

    begin(&a, x, PROXY_DNSMSG_NOERROR);
    for (size_t i = 0; i < n; i++) {
        if (list[i].family != family)
            continue;
        (void)proxy_names_add(x->from->p->names, list[i], x->host);
        proxy_dnsmsg_add(&a, x->q.type, ttl < TTL_MAX_S ? ttl : TTL_MAX_S,
                         list[i].bytes, family == 4 ? 4 : 16);
    }
    finish(x, &a, 0, "");
}

static void on_addresses(void *ctx, int status, const struct policy_addr *list,
                         size_t n, uint32_t ttl)
{
    struct query *x = ctx;
    struct policy_addr kept[PROXY_MAX_ADDRESSES];
    struct policy_decision why = {.rule = NULL};
    size_t nkept;

    if (x->from->fd < 0) {
        end_query(x);
        return;
    }
    memcpy(kept, list, n * sizeof(kept[0]));
    nkept = proxy_admit_resolved(x->from->p, x->host, 0, kept, n, &why);
    if (rcode_of(status) != PROXY_DNSMSG_NOERROR)
        answer_code(x, rcode_of(status));
    else if (n > 0 && nkept == 0)
        refuse(x, x->host, list[0], &why);
    else
        answer_addresses(x, kept, nkept, ttl);
    end_query(x);
}

static void on_answer(void *ctx, int status, const uint8_t *answer, size_t len)
{
    struct query *x = ctx;
    struct proxy_dnsmsg_answer a;

    if (x->from->fd >= 0) {
        begin(&a, x, rcode_of(status));
        if (status == ARES_SUCCESS &&
            !proxy_dnsmsg_copy(&a, &x->q, answer, len, TTL_MAX_S))
            begin(&a, x, PROXY_DNSMSG_SERVFAIL);
        finish(x, &a, 0, "");
    }
    end_query(x);
}

/* ---- answers of our own ---- */

/* "4.3.2.1.in-addr.arpa", 32 nibbles and ".ip6.arpa". */
static bool reverse_address(const char *host, struct policy_addr *ret)
{
    char text[64];
    size_t len = strlen(host);
    size_t used = 0;

    if (len > 13 && strcmp(host + len - 13, ".in-addr.arpa") == 0) {
        const char *at = host + len - 13;

        while (at > host && used + 5 < sizeof(text)) {
            const char *from = at;

            while (from > host && from[-1] != '.')
                from--;
            if (at - from > 3)
                return false;
            memcpy(text + used, from, (size_t)(at - from));
            used += (size_t)(at - from);
            text[used++] = '.';
            at = from > host ? from - 1 : host;
        }
        return used > 0 && policy_addr_parse(text, used - 1, ret) &&
               ret->family == 4;
    }
    if (len != 63 + 9 || strcmp(host + 63, ".ip6.arpa") != 0)
        return false;
    for (size_t i = 32; i-- > 0;) {
        text[used++] = host[2 * i];
        if (i % 4 == 0 && i > 0)
            text[used++] = ':';
    }
    return policy_addr_parse(text, used, ret) && ret->family == 6;
}

static void answer_reverse(struct query *x)
{
    struct proxy_dnsmsg_answer a;
    struct policy_addr addr;
    const char *name = NULL;

    if (reverse_address(x->host, &addr))
        name = proxy_names_get(x->from->p->names, addr, 0);
    begin(&a, x, name != NULL ? PROXY_DNSMSG_NOERROR : PROXY_DNSMSG_NXDOMAIN);
    if (name != NULL)
        proxy_dnsmsg_add_ptr(&a, TTL_MAX_S, name);
    finish(x, &a, 0, "");
}

/* RFC 6761 6.3: never asked upstream. */
static void answer_localhost(struct query *x)
{
    static const struct policy_addr list[] = {
        {.family = 4, .bytes = {127, 0, 0, 1}},
        {.family = 6, .bytes = {[15] = 1}},
    };

    if (x->q.type == PROXY_DNSMSG_A || x->q.type == PROXY_DNSMSG_AAAA)
        answer_addresses(x, list, SRT_ARRAY_LEN(list), TTL_MAX_S);
    else
        answer_code(x, PROXY_DNSMSG_NOERROR);
}

/* ---- one query ---- */

static void ask_upstream(const struct query *asked)
{
    struct query *x = keep(asked);
    struct proxy *p = asked->from->p;

    if (x == NULL) {
        struct query busy = *asked;

        answer_code(&busy, PROXY_DNSMSG_SERVFAIL);
        return;
    }
    if (x->q.type == PROXY_DNSMSG_A || x->q.type == PROXY_DNSMSG_AAAA)
        proxy_resolve(p, x->host,
                      x->q.type == PROXY_DNSMSG_A ? AF_INET : AF_INET6,
                      on_addresses, x);
    else
        proxy_resolve_raw(p, x->host, x->q.type, on_answer, x);
}

static void answer_allowed(struct query *x)
{
    switch (x->q.type) {
    case PROXY_DNSMSG_ANY:
    case 251: /* IXFR */
    case 252: /* AXFR */
        answer_code(x, PROXY_DNSMSG_NOTIMP);
        break;
    case PROXY_DNSMSG_HTTPS: /* their hints would go round the check */
    case PROXY_DNSMSG_SVCB:
        answer_code(x, PROXY_DNSMSG_NOERROR);
        break;
    default:
        ask_upstream(x);
    }
}

static void judge(struct query *x)
{
    struct proxy *p = x->from->p;
    struct policy_addr literal;
    struct policy_decision d = {POLICY_DENY, "builtin:malformed-name",
                                "not a name of a host"};

    if (x->q.odd_name || !policy_host_canonical(x->q.name, strlen(x->q.name),
                                                x->host, sizeof(x->host))) {
        refuse(x, x->q.name, (struct policy_addr){0}, &d);
        return;
    }
    if (policy_addr_parse(x->host, strlen(x->host), &literal)) {
        answer_code(x, PROXY_DNSMSG_NXDOMAIN); /* an address is no name */
        return;
    }
    if (policy_host_is_localhost(x->host)) {
        answer_localhost(x);
        return;
    }
    if (x->q.type == PROXY_DNSMSG_PTR) {
        answer_reverse(x);
        return;
    }
    d = policy_decide_resolve(p->image, x->host);
    if (d.verdict == POLICY_DENY)
        refuse(x, x->host, (struct policy_addr){0}, &d);
    else
        answer_allowed(x);
}

static void handle(struct endpoint *e, const struct return_path *back,
                   const uint8_t *bytes, size_t len)
{
    struct query x = {.from = e, .back = *back};
    enum proxy_dnsmsg_rcode rcode = PROXY_DNSMSG_NOERROR;

    switch (proxy_dnsmsg_parse(bytes, len, &x.q, &rcode)) {
    case PROXY_DNSMSG_OK:
        judge(&x);
        break;
    case PROXY_DNSMSG_ERROR:
        x.q.question_len = 0;
        x.q.edns = false;
        answer_code(&x, rcode);
        break;
    case PROXY_DNSMSG_SILENT:
        break;
    }
}

/* ---- UDP ---- */

static void read_control(struct msghdr *m, struct return_path *b)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL;
         c = CMSG_NXTHDR(m, c)) {
        struct in_pktinfo v4;
        struct in6_pktinfo v6;

        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            memcpy(&v4, CMSG_DATA(c), sizeof(v4));
            b->v4 = v4.ipi_addr;
        } else if (c->cmsg_level == IPPROTO_IPV6 &&
                   c->cmsg_type == IPV6_PKTINFO) {
            memcpy(&v6, CMSG_DATA(c), sizeof(v6));
            b->v6 = v6.ipi6_addr;
        }
    }
}

static void on_datagram(struct proxy_watch *w, unsigned ready)
{
    struct endpoint *e = SRT_CONTAINER_OF(w, struct endpoint, watch);

    (void)ready;
    for (int i = 0; i < BATCH && e->fd >= 0; i++) {
        union {
            char bytes[256];
            struct cmsghdr align;
        } control;
        struct return_path b = {.peer_len = sizeof(b.peer)};
        struct iovec v = {e->in, sizeof(e->in)};
        struct msghdr m = {.msg_name = &b.peer,
                           .msg_namelen = sizeof(b.peer),
                           .msg_iov = &v,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = sizeof(control.bytes)};
        ssize_t n = recvmsg(e->fd, &m, MSG_DONTWAIT);

        if (n < 0)
            return;
        b.peer_len = m.msg_namelen;
        read_control(&m, &b);
        if ((m.msg_flags & MSG_TRUNC) == 0)
            handle(e, &b, e->in, (size_t)n);
    }
}

/* ---- TCP: RFC 7766, queries one after another, answers in any order ---- */

static void take_queries(struct endpoint *e)
{
    const struct return_path back = {.peer = e->peer,
                                     .peer_len = sizeof(e->peer)};

    while (e->fd >= 0 && e->in_len >= 2) {
        size_t n = (size_t)e->in[0] << 8 | e->in[1];
        uint8_t one[sizeof(e->in)];

        if (n + 2 > sizeof(e->in)) {
            close_endpoint(e); /* no query is that long */
            return;
        }
        if (e->in_len < 2 + n)
            return;
        memcpy(one, e->in + 2, n);
        e->in_len -= 2 + n;
        memmove(e->in, e->in + 2 + n, e->in_len);
        handle(e, &back, one, n);
    }
}

static void on_stream(struct proxy_watch *w, unsigned ready)
{
    struct endpoint *e = SRT_CONTAINER_OF(w, struct endpoint, watch);
    ssize_t n;

    e->pending++; /* holds its memory while it is handled here */
    if ((ready & PROXY_LOOP_WRITE) != 0 && e->out_len > 0)
        flush_stream(e);
    if ((ready & PROXY_LOOP_READ) != 0 && e->fd >= 0) {
        n = read(e->fd, e->in + e->in_len, sizeof(e->in) - e->in_len);
        if (n > 0) {
            e->in_len += (size_t)n;
            take_queries(e);
        } else if (n == 0 || errno != EAGAIN) {
            close_endpoint(e);
        }
        if (e->fd >= 0 &&
            !proxy_loop_after(e->p->loop, &e->idle, STREAM_IDLE_MS))
            close_endpoint(e);
    }
    e->pending--;
    if (e->fd < 0)
        close_endpoint(e);
}

static void on_idle(struct proxy_timer *t)
{
    close_endpoint(SRT_CONTAINER_OF(t, struct endpoint, idle));
}

/* Takes fd. */
static enum srt_rc add_endpoint(struct proxy *p, int fd, bool stream,
                                const union proxy_sockaddr *peer,
                                struct srt_err *err)
{
    struct endpoint *e = calloc(1, sizeof(*e));
    enum srt_rc rc;

    if (e == NULL) {
        srt_fd_close(&fd);
        return srt_err_sys(err, ENOMEM, "DNS");
    }
    e->p = p;
    e->fd = fd;
    e->stream = stream;
    e->watch.fd = -1;
    e->watch.fn = stream ? on_stream : on_datagram;
    e->idle.fn = on_idle;
    if (peer != NULL)
        e->peer = *peer;
    rc = proxy_loop_add(p->loop, &e->watch, fd, PROXY_LOOP_READ, err);
    if (rc == SRT_OK && stream &&
        !proxy_loop_after(p->loop, &e->idle, STREAM_IDLE_MS))
        rc = srt_err_sys(err, ENOMEM, "DNS");
    if (rc != SRT_OK) {
        proxy_loop_remove(&e->watch);
        srt_fd_close(&e->fd);
        free(e);
        return rc;
    }
    e->next = p->dns->endpoints;
    p->dns->endpoints = e;
    return SRT_OK;
}

enum srt_rc proxy_serve_dns_udp(struct proxy *p, int fd, struct srt_err *err)
{
    return add_endpoint(p, fd, false, NULL, err);
}

void proxy_dns_accept(struct proxy *p, int fd, const union proxy_sockaddr *peer)
{
    struct srt_err err;

    if (add_endpoint(p, fd, true, peer, &err) != SRT_OK)
        proxy_release_connection(p);
}

/* ---- beginning and end ---- */

/* resolv.conf(5): the last "search" or "domain" line counts. */
static void read_suffixes(struct proxy_dns *d, char *line)
{
    static const char blanks[] = " \t\r\n";
    char *at = line + strspn(line, blanks);
    size_t n = strcspn(at, blanks);

    if (!(n == 6 && memcmp(at, "search", 6) == 0) &&
        !(n == 6 && memcmp(at, "domain", 6) == 0))
        return;
    d->nsuffixes = 0;
    for (at += n; d->nsuffixes < SUFFIXES_MAX; at += n) {
        at += strspn(at, blanks);
        n = strcspn(at, blanks);
        if (n == 0)
            return;
        if (policy_host_canonical(at, n, d->suffixes[d->nsuffixes],
                                  sizeof(d->suffixes[0])))
            d->nsuffixes++;
    }
}

enum srt_rc proxy_dns_new(struct proxy *p, const char *resolv_conf,
                          struct srt_err *err)
{
    struct proxy_dns *d = calloc(1, sizeof(*d));
    char line[1024];
    FILE *f;

    if (d == NULL)
        return srt_err_sys(err, ENOMEM, "DNS");
    f = fopen(resolv_conf != NULL ? resolv_conf : "/etc/resolv.conf", "re");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL)
        read_suffixes(d, line);
    if (f != NULL)
        (void)fclose(f);
    p->dns = d;
    return SRT_OK;
}

void proxy_dns_close(struct proxy *p)
{
    struct endpoint *next;

    for (struct endpoint *e = p->dns->endpoints; e != NULL; e = next) {
        next = e->next;
        close_endpoint(e);
    }
}

void proxy_dns_free(struct proxy *p)
{
    free(p->dns);
    p->dns = NULL;
}
