/*
 * Names and addresses.  A name is looked up whole, then each "*.rest" it lies
 * under, then "*"; an address in each prefix length that occurs.  Each is one
 * probe of a hash table.  Part of the image's reader.
 */
#include "policy/host.h"

#include <string.h>

#include "base/hash.h"
#include "base/macros.h"
#include "policy/image.h"
#include "policy/layout.h"

enum { LABELS_MAX = 128, PORT_MAX = 65535 };

static void emit_rules(const struct policy_image *img,
                       const struct policy_node *node, int depth,
                       policy_match_fn *emit, void *ctx)
{
    struct policy_match m = {.depth = depth};

    if (node == NULL)
        return;
    for (uint32_t i = 0; i < node->count; i++) {
        m.rule = policy_image_rule(img, node->first + i);
        emit(ctx, &m);
    }
}

static void each_any(const struct policy_image *img, policy_match_fn *emit,
                     void *ctx)
{
    uint32_t h = srt_hash32_add(SRT_HASH32_SEED, '*');

    emit_rules(img, policy_image_find(img, &img->names, "*", 1, h), -1, emit,
               ctx);
}

/* From the most specific key to "*". */
static void each_name(const struct policy_image *img, const char *name,
                      policy_match_fn *emit, void *ctx)
{
    const struct policy_span *t = &img->names;
    size_t len = strlen(name);
    uint16_t dots[LABELS_MAX];
    uint32_t hashes[LABELS_MAX];
    uint32_t h = SRT_HASH32_SEED;
    size_t n = 0;

    for (size_t i = len; i-- > 0;) {
        h = srt_hash32_add(h, (unsigned char)name[i]);
        if (name[i] == '.' && n < LABELS_MAX) {
            dots[n] = (uint16_t)i;
            hashes[n++] = h;
        }
    }
    emit_rules(img, policy_image_find(img, t, name, len, h), (int)len, emit,
               ctx);
    while (n-- > 0)
        emit_rules(
            img,
            policy_image_find(img, t, name + dots[n], len - dots[n], hashes[n]),
            (int)(len - dots[n]), emit, ctx);
    each_any(img, emit, ctx);
}

static void each_net(const struct policy_image *img, struct policy_addr a,
                     policy_match_fn *emit, void *ctx)
{
    const uint32_t *lens = a.family == 4 ? img->v4_lens : img->v6_lens;
    uint8_t key[POLICY_NET_KEY_MAX];

    for (int bits = a.family == 4 ? 32 : 128; bits >= 0; bits--) {
        uint32_t h = SRT_HASH32_SEED;
        size_t len;

        if ((lens[bits / 32] >> (bits % 32) & 1) == 0)
            continue;
        len = policy_image_net_key(a, (unsigned)bits, key);
        for (size_t i = 0; i < len; i++)
            h = srt_hash32_add(h, key[i]);
        emit_rules(img, policy_image_find(img, &img->nets, key, len, h), bits,
                   emit, ctx);
    }
}

static bool is_denial(const struct policy_rule *r)
{
    return r->list == POLICY_LIST_DENIED_DOMAINS ||
           r->list == POLICY_LIST_DENIED_ADDRESSES;
}

/* Filter: rules that refuse. */
struct only_denials {
    policy_match_fn *emit;
    void *ctx;
};

static void emit_denial(void *ctx, const struct policy_match *m)
{
    const struct only_denials *to = ctx;

    if (is_denial(m->rule) ||
        m->rule->list == POLICY_LIST_DENIED_RESOLVED_ADDRESSES)
        to->emit(to->ctx, m);
}

/* Every net that holds a.  One that carries IPv4 is judged as that; a refusal
 * of the carrying net counts, too. */
static void each_addr(const struct policy_image *img, struct policy_addr a,
                      policy_match_fn *emit, void *ctx)
{
    struct policy_addr meant = policy_addr_meant(a);
    struct only_denials denials = {emit, ctx};

    each_net(img, meant, emit, ctx);
    if (meant.family != a.family)
        each_net(img, a, emit_denial, &denials);
}

void policy_hosts_each(const struct policy_image *img, const char *host,
                       policy_match_fn *emit, void *ctx)
{
    struct policy_addr a;
    char name[POLICY_HOST_SIZE];

    if (!policy_host_parse(host, strlen(host), name, sizeof(name), &a))
        return;
    if (a.family == 0) {
        each_name(img, name, emit, ctx);
        return;
    }
    each_addr(img, a, emit, ctx);
    each_any(img, emit, ctx);
}

/* What is known of one question.  Rules come closest first, so the first
 * that fits is the one to name. */
struct inquiry {
    uint16_t port;
    int min_depth; /* an allowing rule must be at least this close */
    const struct policy_rule *deny, *allow;
    bool other_port; /* something allows another port */
};

static bool has_port(const struct policy_rule *r, uint16_t port)
{
    return r->port_lo == 0 || (r->port_lo <= port && port <= r->port_hi);
}

static void inquire(void *ctx, const struct policy_match *m)
{
    struct inquiry *q = ctx;
    const struct policy_rule *r = m->rule;
    bool fits = has_port(r, q->port);

    if (is_denial(r)) {
        if (fits && q->deny == NULL)
            q->deny = r;
    } else if (r->list != POLICY_LIST_DENIED_RESOLVED_ADDRESSES &&
               m->depth >= q->min_depth) {
        if (!fits)
            q->other_port = true;
        else if (q->allow == NULL)
            q->allow = r;
    }
}

/* One row for each class of policy_addr_class(). */
static const struct {
    const char *class, *resolved, *literal;
} classes[] = {
    {"loopback", "resolved to a loopback address",
     "a loopback address needs an entry that names it"},
    {"unspecified", "resolved to an unspecified address",
     "an unspecified address needs an entry that names it"},
    {"link-local", "resolved to a link-local address",
     "a link-local address needs an entry that names it"},
    {"multicast", "resolved to a multicast address",
     "a multicast address needs an entry that names it"},
    {"broadcast", "resolved to a broadcast address",
     "a broadcast address needs an entry that names it"},
    {"cloud metadata", "resolved to a cloud metadata address",
     "a cloud metadata address needs an entry that names it"},
    {"translated", "resolved to an address that a translator gives a meaning",
     "an address that a translator gives a meaning needs an entry that names "
     "it"},
    {"Teredo", "resolved to a Teredo address",
     "a Teredo address needs an entry that names it"},
};

static size_t find_class(const char *class)
{
    size_t n = strlen(class);

    for (size_t i = 0; i < SRT_ARRAY_LEN(classes); i++)
        if (strlen(classes[i].class) == n &&
            memcmp(classes[i].class, class, n) == 0)
            return i;
    return 0;
}

static struct policy_decision decide(enum policy_verdict verdict,
                                     const char *rule, const char *reason)
{
    return (struct policy_decision){verdict, rule, reason, POLICY_BY_OTHER};
}

static struct policy_decision refuse_by(const struct policy_image *img,
                                        const struct policy_rule *r)
{
    const char *reason = policy_image_text(img, r->reason);

    if (reason[0] == '\0')
        reason = r->list == POLICY_LIST_DENIED_DOMAINS
                     ? "a deniedDomains entry covers it"
                     : "a deniedAddresses entry covers it";
    return decide(POLICY_DENY, policy_image_text(img, r->pointer), reason);
}

static struct policy_decision allow_by(const struct policy_image *img,
                                       const struct policy_rule *r)
{
    return decide(POLICY_ALLOW, policy_image_text(img, r->pointer),
                  r->list == POLICY_LIST_ALLOWED_DOMAINS
                      ? "an allowedDomains entry covers it"
                      : "an allowedAddresses entry covers it");
}

static struct policy_decision conclude(const struct policy_image *img,
                                       const struct inquiry *q,
                                       const char *no_entry)
{
    if (q->deny != NULL)
        return refuse_by(img, q->deny);
    if (q->allow != NULL)
        return allow_by(img, q->allow);
    return decide(POLICY_DENY, "/network/allowedDomains",
                  q->other_port ? "it is allowed with other ports only"
                                : no_entry);
}

static const char own_needs_entry[] =
    "this host itself needs an entry that names it";

static struct policy_decision refuse_malformed(void)
{
    return decide(POLICY_DENY, "builtin:malformed-host",
                  "the host is not a well-formed name or address");
}

/* The depth of "*"; nearer than it is every rule that names something. */
enum { DEPTH_ANY = -1, DEPTH_NAMED = 0 };

static struct policy_decision decide_address(const struct policy_image *img,
                                             struct policy_addr a,
                                             uint16_t port, int min_depth)
{
    struct inquiry q = {.port = port, .min_depth = min_depth};
    uint8_t bits = 0;
    const char *class = policy_addr_class_range(a, &bits);
    const char *no_entry = "no entry covers this address";

    if (a.family != 4 && a.family != 6)
        return refuse_malformed();
    if (port == 0)
        return decide(POLICY_DENY, "builtin:port-0", "no server has port 0");
    if (class != NULL) {
        q.min_depth = bits;
        no_entry = classes[find_class(class)].literal;
    } else if (min_depth == DEPTH_NAMED) {
        no_entry = own_needs_entry;
    }
    each_addr(img, a, inquire, &q);
    each_any(img, inquire, &q);
    return conclude(img, &q, no_entry);
}

static struct policy_decision decide_host(const struct policy_image *img,
                                          const char *host, uint16_t port,
                                          int min_depth)
{
    struct inquiry q = {.port = port, .min_depth = min_depth};
    char name[POLICY_HOST_SIZE];
    struct policy_addr a;

    if (!policy_host_parse(host, strlen(host), name, sizeof(name), &a))
        return refuse_malformed();
    if (a.family != 0)
        return decide_address(img, a, port, min_depth);
    if (port == 0)
        return decide(POLICY_DENY, "builtin:port-0", "no server has port 0");
    each_name(img, name, inquire, &q);
    return conclude(img, &q,
                    min_depth == DEPTH_NAMED
                        ? own_needs_entry
                        : "no allowedDomains entry covers it");
}

/* The lowest port from `from` on that some rule allows, and whether a rule
 * refuses `from`. */
struct port_search {
    uint32_t from;
    uint32_t allowed; /* PORT_MAX + 1: none */
    uint32_t refused_to;
    int min_depth;
    const struct policy_rule *allow, *deny;
};

static void search_port(void *ctx, const struct policy_match *m)
{
    struct port_search *s = ctx;
    const struct policy_rule *r = m->rule;
    uint32_t lo = r->port_lo != 0 ? r->port_lo : 1;
    uint32_t hi = r->port_lo != 0 ? r->port_hi : PORT_MAX;

    if (is_denial(r)) {
        if (lo <= s->from && hi >= s->from && hi > s->refused_to) {
            s->refused_to = hi;
            s->deny = r;
        }
    } else if (r->list != POLICY_LIST_DENIED_RESOLVED_ADDRESSES &&
               m->depth >= s->min_depth && hi >= s->from) {
        if (lo < s->from)
            lo = s->from;
        if (lo < s->allowed) {
            s->allowed = lo;
            s->allow = r;
        }
    }
}

static struct policy_decision decide_resolve(const struct policy_image *img,
                                             const char *host, int min_depth)
{
    const struct policy_rule *refused = NULL;
    uint32_t port = 1;
    char name[POLICY_HOST_SIZE];
    struct policy_addr a;
    uint8_t bits = 0;

    if (!policy_host_parse(host, strlen(host), name, sizeof(name), &a))
        return refuse_malformed();
    if (a.family != 0 && policy_addr_class_range(a, &bits) != NULL)
        min_depth = bits;
    /* Walk up the ports: to the next allowed one, then past what refuses it,
     * until nothing does. */
    for (;;) {
        struct port_search s = {
            .from = port, .allowed = PORT_MAX + 1, .min_depth = min_depth};

        policy_hosts_each(img, name, search_port, &s);
        if (s.deny != NULL) {
            refused = s.deny;
            port = s.refused_to + 1;
        } else if (s.allow == NULL) {
            break;
        } else if (s.allowed == port) {
            return allow_by(img, s.allow);
        } else {
            port = s.allowed;
        }
        if (port > PORT_MAX)
            break;
    }
    if (refused != NULL)
        return refuse_by(img, refused);
    return decide(POLICY_DENY, "/network/allowedDomains",
                  "no allowedDomains entry covers it");
}

struct policy_decision policy_decide_resolve(const struct policy_image *img,
                                             const char *host)
{
    return decide_resolve(img, host, DEPTH_ANY);
}

struct policy_decision policy_decide_host(const struct policy_image *img,
                                          const char *host, uint16_t port)
{
    return decide_host(img, host, port, DEPTH_ANY);
}

struct policy_decision policy_decide_named(const struct policy_image *img,
                                           const char *host, uint16_t port)
{
    return port == 0 ? decide_resolve(img, host, DEPTH_NAMED)
                     : decide_host(img, host, port, DEPTH_NAMED);
}

struct policy_decision policy_decide_address(const struct policy_image *img,
                                             struct policy_addr a,
                                             uint16_t port)
{
    return decide_address(img, a, port, DEPTH_ANY);
}

struct policy_decision policy_decide_denied(const struct policy_image *img,
                                            struct policy_addr a, uint16_t port)
{
    struct inquiry q = {.port = port, .min_depth = -1};

    each_addr(img, a, inquire, &q);
    if (q.deny != NULL)
        return refuse_by(img, q.deny);
    return decide(POLICY_ALLOW, "/network/deniedAddresses",
                  "no deniedAddresses entry covers it");
}

/* Rules about an address that a name led to. */
struct resolved {
    uint16_t port; /* 0: any */
    int min_depth;
    const struct policy_rule *deny, *allow;
};

static void judge_resolved(void *ctx, const struct policy_match *m)
{
    struct resolved *q = ctx;
    const struct policy_rule *r = m->rule;
    /* Not knowing the port, an entry for one port refuses nothing yet. */
    bool refuses = q->port != 0 ? has_port(r, q->port) : r->port_lo == 0;

    if (is_denial(r) || r->list == POLICY_LIST_DENIED_RESOLVED_ADDRESSES) {
        if (refuses && q->deny == NULL)
            q->deny = r;
    } else if (m->depth >= q->min_depth && q->allow == NULL &&
               (q->port == 0 || has_port(r, q->port))) {
        q->allow = r;
    }
}

struct policy_decision policy_decide_resolved_at(const struct policy_image *img,
                                                 const char *host,
                                                 struct policy_addr a,
                                                 uint16_t port)
{
    struct resolved q = {.port = port};
    char name[POLICY_HOST_SIZE];
    struct policy_addr literal;
    uint8_t bits = 0;
    const char *class = policy_addr_class_range(a, &bits);
    bool loopback = class != NULL && find_class(class) == 0;

    if (!policy_host_parse(host, strlen(host), name, sizeof(name), &literal) ||
        (a.family != 4 && a.family != 6))
        return refuse_malformed();
    q.min_depth = bits;
    each_addr(img, a, judge_resolved, &q);
    if (q.deny != NULL)
        return decide(POLICY_DENY, policy_image_text(img, q.deny->pointer),
                      "resolved to a denied address");
    if (policy_host_is_localhost(name))
        return loopback
                   ? decide(POLICY_ALLOW, "builtin:localhost",
                            "a localhost name leads to loopback")
                   : decide(POLICY_DENY, "builtin:localhost",
                            "a localhost name resolved to no loopback address");
    if (class == NULL)
        return decide(POLICY_ALLOW, "builtin:resolved-address",
                      "nothing is against this address");
    if (q.allow != NULL)
        return allow_by(img, q.allow);
    return decide(POLICY_DENY, "builtin:resolved-address",
                  classes[find_class(class)].resolved);
}

struct policy_decision policy_decide_resolved(const struct policy_image *img,
                                              const char *host,
                                              struct policy_addr a)
{
    return policy_decide_resolved_at(img, host, a, 0);
}
