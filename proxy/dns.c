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
#include "base/macros.h"
#include "policy/host.h"
#include "proxy/dns_parts.h"

enum {
    QUERIES_MAX = 512,       /* under way at once */
    STREAM_QUERIES_MAX = 64, /* of those, by one TCP connection */
    ONE_CALL_MS = 2000,
    TTL_MAX_S = 60, /* names are kept for the whole run, addresses change */
};

struct query {
    struct proxy_dns_link link; /* only of one that keep() made */
    struct proxy_dns_endpoint *from;
    struct proxy_dns_back back;
    struct proxy_dnsmsg_query q;
    char host[PROXY_DNSMSG_NAME]; /* canonical */
    struct policy_addr led_to;    /* with why: this family's refused answer */
    struct policy_decision why;
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

    proxy_dns_send(x->from, &x->back, scratch, len);
}

static void answer_code(struct query *x, enum proxy_dnsmsg_rcode rcode)
{
    struct proxy_dnsmsg_answer a;

    begin(&a, x, rcode);
    finish(x, &a, 0, "");
}

/* ---- judging ---- */

/* The name without the suffix of the search list that ends it; `i` goes through
 * the list.  False: there is no more such suffix. */
static bool strip_suffix(const struct proxy *p, const char *host, size_t *i,
                         char head[PROXY_DNSMSG_NAME])
{
    size_t len = strlen(host);

    while (*i < p->dns->nsuffixes) {
        const char *suffix = p->dns->suffixes[(*i)++];
        size_t n = strlen(suffix);

        if (len <= n + 1 || host[len - n - 1] != '.' ||
            strcmp(host + len - n, suffix) != 0)
            continue;
        memcpy(head, host, len - n - 1);
        head[len - n - 1] = '\0';
        return true;
    }
    return false;
}

/* Is it an allowed name with a suffix of the search list behind it? */
static bool is_probe(const struct proxy *p, const char *host)
{
    char head[PROXY_DNSMSG_NAME];

    for (size_t i = 0; strip_suffix(p, host, &i, head);)
        if (policy_decide_resolve(p->image, head).verdict == POLICY_ALLOW)
            return true;
    return false;
}

/* A name of this host with such a suffix: resolvers try that first. */
static bool is_suffixed_self(const struct proxy *p, const char *host)
{
    char head[PROXY_DNSMSG_NAME];

    for (size_t i = 0; strip_suffix(p, host, &i, head);)
        if (proxy_self_has(&p->self, head))
            return true;
    return false;
}

static bool is_same(const struct proxy_client *a, const struct proxy_client *b)
{
    return (a->port == b->port && a->family == b->family) ||
           (a->tid != 0 && a->tid == b->tid);
}

/* The second question of one getaddrinfo(3): AAAA after A, or A after AAAA. */
static bool was_told(const struct query *x, const struct proxy_client *client,
                     const char *host)
{
    struct proxy_dns *d = x->from->p->dns;
    const uint64_t now = proxy_loop_now(x->from->p->loop);

    if (x->q.type != PROXY_DNSMSG_A && x->q.type != PROXY_DNSMSG_AAAA)
        return false;
    for (size_t i = 0; i < PROXY_DNS_TOLD; i++) {
        struct proxy_dns_told *o = &d->told[i];

        if (o->until_ms > now && is_same(&o->client, client) &&
            o->type != x->q.type && strcmp(o->host, host) == 0) {
            o->until_ms = 0;
            return true;
        }
    }
    d->told[d->next_told] = (struct proxy_dns_told){
        .until_ms = now + ONE_CALL_MS, .client = *client, .type = x->q.type};
    (void)snprintf(d->told[d->next_told].host, sizeof(d->told[0].host), "%s",
                   host);
    d->next_told = (d->next_told + 1) % PROXY_DNS_TOLD;
    return false;
}

/* host: as it is told; a: what an allowed name leads to, or no address. */
static void refuse(struct query *x, const char *host, struct policy_addr a,
                   const struct policy_decision *d)
{
    struct proxy *p = x->from->p;
    struct proxy_dnsmsg_answer out;
    struct proxy_refusal r = {
        .client = {.via = PROXY_VIA_DNS,
                   .family = x->back.peer.sa.sa_family,
                   .proto = x->from->stream ? IPPROTO_TCP : IPPROTO_UDP,
                   .port = ntohs(x->back.peer.v4.sin_port)},
        .host = host,
        .address = a,
        .call = type_name(x->q.type),
        .decision = *d,
        .probe = a.family == 0 && is_probe(p, host),
    };

    if (p->ops.who != NULL)
        r.client.tid = p->ops.who(p->ops.ctx, &r.client);
    if (!was_told(x, &r.client, host))
        p->ops.refused(p->ops.ctx, &r);
    begin(&out, x, PROXY_DNSMSG_NXDOMAIN);
    finish(x, &out, PROXY_DNSMSG_EDE_FILTERED, d->reason);
}

/* ---- answers from upstream ---- */

static struct query *keep(const struct query *x)
{
    struct proxy_dns *dns = x->from->p->dns;
    struct query *kept = NULL;

    /* While a connection is read from, it counts itself once. */
    if (dns->queries < QUERIES_MAX &&
        (!x->from->stream || x->from->pending <= STREAM_QUERIES_MAX))
        kept = malloc(sizeof(*kept));
    if (kept == NULL) {
        if (!dns->warned)
            x->from->p->ops.warning(x->from->p->ops.ctx,
                                    "too many look-ups at once: some fail");
        dns->warned = true;
        return NULL;
    }
    *kept = *x;
    kept->link = (struct proxy_dns_link){dns->waiting, &dns->waiting};
    if (dns->waiting != NULL)
        dns->waiting->at = &kept->link.next;
    dns->waiting = &kept->link;
    dns->queries++;
    kept->from->pending++;
    return kept;
}

static void end_query(struct query *x)
{
    struct proxy_dns_endpoint *e = x->from;

    *x->link.at = x->link.next;
    if (x->link.next != NULL)
        x->link.next->at = x->link.at;
    e->p->dns->queries--;
    free(x);
    proxy_dns_release(e);
}

/* Asked again because the answer takes its time: the first one will do. */
static bool is_under_way(const struct query *x)
{
    for (struct proxy_dns_link *l = x->from->p->dns->waiting; l != NULL;
         l = l->next) {
        const struct query *y = SRT_CONTAINER_OF(l, struct query, link);

        if (y->q.id == x->q.id && y->from == x->from && !x->from->stream &&
            y->q.question_len == x->q.question_len &&
            memcmp(y->q.question, x->q.question, x->q.question_len) == 0 &&
            y->back.peer_len == x->back.peer_len &&
            memcmp(&y->back.peer, &x->back.peer, x->back.peer_len) == 0)
            return true;
    }
    return false;
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
        proxy_admit_remember(x->from->p, x->host, &list[i], 1);
        proxy_dnsmsg_add(&a, x->q.type, ttl < TTL_MAX_S ? ttl : TTL_MAX_S,
                         list[i].bytes, family == 4 ? 4 : 16);
    }
    finish(x, &a, 0, "");
}

/* One family leads nowhere that is allowed.  If the other one does, the name
 * works, and this family has no record: of NXDOMAIN some resolvers (musl) would
 * conclude that there is no such name. */
static void on_other_family(void *ctx, int status,
                            const struct policy_addr *list, size_t n,
                            uint32_t ttl)
{
    struct query *x = ctx;
    struct proxy_admitted kept;

    (void)status;
    (void)ttl;
    if (x->from->fd >= 0) {
        proxy_admit_resolved(x->from->p, x->host, 0, list, n, &kept);
        if (kept.n > 0)
            answer_addresses(x, NULL, 0, 0);
        else
            refuse(x, x->host, x->led_to, &x->why);
    }
    end_query(x);
}

static void on_addresses(void *ctx, int status, const struct policy_addr *list,
                         size_t n, uint32_t ttl)
{
    struct query *x = ctx;
    struct proxy_admitted kept;

    if (x->from->fd < 0) {
        end_query(x);
        return;
    }
    proxy_admit_resolved(x->from->p, x->host, 0, list, n, &kept);
    if (n > 0 && kept.n == 0) {
        x->led_to = list[0];
        x->why = kept.why;
        proxy_resolve(x->from->p, x->host,
                      x->q.type == PROXY_DNSMSG_A ? AF_INET6 : AF_INET,
                      on_other_family, x);
        return;
    }
    if (rcode_of(status) != PROXY_DNSMSG_NOERROR)
        answer_code(x, rcode_of(status));
    else
        answer_addresses(x, kept.list, kept.n, ttl);
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

static void answer_reverse(struct query *x)
{
    struct proxy_dnsmsg_answer a;
    struct policy_addr addr;
    const char *name = NULL;

    if (proxy_dnsmsg_reverse(x->host, &addr)) {
        const char *class = policy_addr_class(addr);

        name = class != NULL && strcmp(class, "loopback") == 0
                   ? "localhost"
                   : proxy_names_get(x->from->p->names, addr, 0);
    }
    begin(&a, x, name != NULL ? PROXY_DNSMSG_NOERROR : PROXY_DNSMSG_NXDOMAIN);
    if (name != NULL)
        proxy_dnsmsg_add_ptr(&a, TTL_MAX_S, name);
    finish(x, &a, 0, "");
}

/* RFC 6761 6.3: never asked upstream; nor is this host's own name. */
static void answer_localhost(struct query *x)
{
    size_t n;
    const struct policy_addr *list = proxy_admit_localhost(AF_UNSPEC, &n);

    if (x->q.type == PROXY_DNSMSG_A || x->q.type == PROXY_DNSMSG_AAAA)
        answer_addresses(x, list, n, TTL_MAX_S);
    else
        answer_code(x, PROXY_DNSMSG_NOERROR);
}

/* ---- one query ---- */

static void ask_upstream(const struct query *asked)
{
    struct proxy *p = asked->from->p;
    struct query *x;

    if (is_under_way(asked))
        return;
    x = keep(asked);
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
    const uint16_t type = x->q.type;

    if (type == 0 || type == PROXY_DNSMSG_OPT ||
        (type >= PROXY_DNSMSG_META_FIRST && type <= PROXY_DNSMSG_META_LAST))
        answer_code(x, PROXY_DNSMSG_NOTIMP);
    else if (type == PROXY_DNSMSG_HTTPS || type == PROXY_DNSMSG_SVCB)
        answer_code(x, PROXY_DNSMSG_NOERROR); /* their hints would go round
                                                 the check */
    else
        ask_upstream(x);
}

/* A name that the policy decides about, or a reverse one. */
static void judge_name(struct query *x)
{
    struct policy_decision d;

    if (x->q.type == PROXY_DNSMSG_PTR && proxy_dnsmsg_is_reverse(x->host)) {
        answer_reverse(x);
        return;
    }
    d = policy_decide_resolve(x->from->p->image, x->host);
    if (d.verdict == POLICY_DENY)
        refuse(x, x->host, (struct policy_addr){0}, &d);
    else
        answer_allowed(x);
}

static void refuse_malformed(struct query *x)
{
    struct policy_decision d = policy_decide_resolve(x->from->p->image, "");

    refuse(x, x->q.name[0] != '\0' ? x->q.name : ".", (struct policy_addr){0},
           &d);
}

static void judge(struct query *x)
{
    struct policy_addr literal;

    if (x->q.odd_name) {
        refuse_malformed(x);
        return;
    }
    switch (proxy_admit_asked(x->from->p, x->q.name, strlen(x->q.name), x->host,
                              sizeof(x->host), &literal)) {
    case PROXY_ASKED_MALFORMED:
        refuse_malformed(x);
        break;
    case PROXY_ASKED_ADDRESS: /* is no name */
        answer_code(x, PROXY_DNSMSG_NXDOMAIN);
        break;
    case PROXY_ASKED_LOCALHOST:
        answer_localhost(x);
        break;
    case PROXY_ASKED_NAME:
        if (is_suffixed_self(x->from->p, x->host))
            answer_localhost(x);
        else
            judge_name(x);
        break;
    }
}

void proxy_dns_handle(struct proxy_dns_endpoint *e,
                      const struct proxy_dns_back *back, const uint8_t *bytes,
                      size_t len)
{
    struct query x = {.from = e, .back = *back};
    enum proxy_dnsmsg_rcode rcode = PROXY_DNSMSG_NOERROR;

    switch (proxy_dnsmsg_parse(bytes, len, &x.q, &rcode)) {
    case PROXY_DNSMSG_OK:
        judge(&x);
        break;
    case PROXY_DNSMSG_ERROR:
        answer_code(&x, rcode);
        break;
    case PROXY_DNSMSG_SILENT:
        break;
    }
}

/* ---- beginning and end ---- */

static void add_suffix(struct proxy_dns *d, const char *text, size_t len)
{
    if (policy_host_canonical(text, len, d->suffixes[d->nsuffixes],
                              sizeof(d->suffixes[0])))
        d->nsuffixes++;
}

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
    for (at += n; d->nsuffixes < PROXY_DNS_SUFFIXES; at += n) {
        at += strspn(at, blanks);
        n = strcspn(at, blanks);
        if (n == 0)
            return;
        add_suffix(d, at, n);
    }
}

/* ... and without one the domain of this machine's name. */
static void read_own_domain(struct proxy_dns *d)
{
    char name[PROXY_DNSMSG_NAME];
    const char *dot;

    if (gethostname(name, sizeof(name)) != 0)
        return;
    name[sizeof(name) - 1] = '\0';
    dot = strchr(name, '.');
    if (dot != NULL)
        add_suffix(d, dot + 1, strlen(dot + 1));
}

enum srt_rc proxy_dns_new(struct proxy *p, const char *resolv_conf,
                          struct srt_err *err)
{
    struct proxy_dns *d = calloc(1, sizeof(*d));
    char line[1024];
    FILE *f;

    if (d == NULL)
        return srt_err_sys(err, ENOMEM, "DNS");
    read_own_domain(d);
    f = fopen(resolv_conf != NULL ? resolv_conf : "/etc/resolv.conf", "re");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL)
        read_suffixes(d, line);
    if (f != NULL)
        (void)fclose(f);
    p->dns = d;
    return SRT_OK;
}

void proxy_dns_free(struct proxy *p)
{
    free(p->dns);
    p->dns = NULL;
}
