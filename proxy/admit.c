#include <errno.h>
#include <string.h>

#include "policy/host.h"
#include "proxy/internal.h"
#include "proxy/own.h"

/* An address of this host: what "*" allows is not meant. */
static struct policy_decision decide_own(const struct proxy *p,
                                         struct policy_addr a, uint16_t port)
{
    char text[POLICY_ADDR_TEXT_MAX];

    return policy_decide_named(
        p->image, policy_addr_text(policy_addr_meant(a), text), port);
}

struct policy_decision proxy_admit_name(struct proxy *p, const char *host,
                                        uint16_t port)
{
    return policy_host_is_localhost(host)
               ? policy_decide_named(p->image, host, port)
               : policy_decide_host(p->image, host, port);
}

/* May `host`, itself allowed, lead to `a`? */
static struct policy_decision judge_lead(const struct proxy *p,
                                         const char *host, struct policy_addr a,
                                         uint16_t port)
{
    struct policy_decision d = policy_decide_resolved_at(p->image, host, a,
                                                         port);

    /* Inside, localhost is the sandbox's; who asks a proxy for it would get to
     * the host's, which only an entry for the address opens. */
    if (d.verdict == POLICY_ALLOW && policy_host_is_localhost(host) &&
        decide_own(p, a, port).verdict == POLICY_DENY)
        return (struct policy_decision){
            POLICY_DENY, "builtin:localhost",
            "a proxy would lead it to the host's own loopback",
            POLICY_BY_OTHER};
    if (d.verdict == POLICY_ALLOW && !policy_host_is_localhost(host) &&
        proxy_own_has(a) && decide_own(p, a, port).verdict == POLICY_DENY)
        return (struct policy_decision){
            POLICY_DENY, "builtin:own-address",
            "resolved to an address of this host itself", POLICY_BY_OTHER};
    return d;
}

struct policy_decision proxy_admit_address(struct proxy *p,
                                           struct policy_addr a, uint16_t port,
                                           char *buf, const char **ret_host)
{
    struct policy_decision d = policy_decide_denied(p->image, a, port);
    struct policy_decision first = {.rule = NULL};
    const char *name;

    *ret_host = policy_addr_text(policy_addr_meant(a), buf);
    if (d.verdict == POLICY_DENY) {
        if (proxy_names_get(p->names, a, 0) != NULL)
            *ret_host = proxy_names_get(p->names, a, 0);
        return d;
    }
    for (size_t i = 0; (name = proxy_names_get(p->names, a, i)) != NULL; i++) {
        d = proxy_admit_name(p, name, port);
        if (d.verdict == POLICY_ALLOW)
            d = judge_lead(p, name, a, port);
        if (d.verdict == POLICY_ALLOW) {
            *ret_host = name;
            return d;
        }
        if (i == 0) {
            first = d;
            *ret_host = name;
        }
    }
    d = policy_decide_address(p->image, a, port);
    if (d.verdict == POLICY_ALLOW && proxy_own_has(a))
        d = decide_own(p, a, port);
    if (d.verdict == POLICY_DENY && first.rule != NULL)
        return first;
    return d;
}

struct policy_decision proxy_admit_offline(const struct policy_image *image,
                                           const char *host, uint16_t port)
{
    struct proxy p = {.image = image}; /* nobody was given a name yet */
    char name[POLICY_HOST_SIZE];
    char text[POLICY_ADDR_TEXT_MAX];
    struct policy_addr a;
    const char *unused;

    if (!policy_host_parse(host, strlen(host), name, sizeof(name), &a))
        return policy_decide_host(image, host, port);
    if (a.family == 0 && !policy_host_is_localhost(name))
        return proxy_admit_name(&p, name, port);
    if (a.family == 0) { /* it leads to one of two addresses */
        size_t n;
        const struct policy_addr *list = proxy_admit_localhost(AF_UNSPEC, &n);
        struct policy_decision d = proxy_admit_name(&p, name, port);
        struct proxy_admitted leads;

        proxy_admit_resolved(&p, name, port, list, n, &leads);
        return d.verdict == POLICY_ALLOW && leads.n == 0 ? leads.why : d;
    }
    return proxy_admit_address(&p, a, port, text, &unused);
}

void proxy_admit_resolved(struct proxy *p, const char *host, uint16_t port,
                          const struct policy_addr *list, size_t n,
                          struct proxy_admitted *ret)
{
    *ret = (struct proxy_admitted){.n = 0};
    for (size_t i = 0; i < n; i++) {
        struct policy_decision d = judge_lead(p, host, list[i], port);

        if (d.verdict == POLICY_ALLOW)
            ret->list[ret->n++] = list[i];
        else
            ret->why = d;
    }
}

void proxy_admit_remember(struct proxy *p, const char *host,
                          const struct policy_addr *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        (void)proxy_names_add(p->names, list[i], host);
}

enum proxy_asked proxy_admit_asked(const struct proxy *p, const char *asked,
                                   size_t len, char *host, size_t size,
                                   struct policy_addr *ret_addr)
{
    if (!policy_host_canonical(asked, len, host, size))
        return PROXY_ASKED_MALFORMED;
    if (policy_addr_parse(host, strlen(host), ret_addr))
        return PROXY_ASKED_ADDRESS;
    return policy_host_is_localhost(host) || proxy_self_has(&p->self, host)
               ? PROXY_ASKED_LOCALHOST
               : PROXY_ASKED_NAME;
}

const struct policy_addr *proxy_admit_localhost(int family, size_t *ret_n)
{
    static const struct policy_addr list[] = {
        {.family = 4, .bytes = {127, 0, 0, 1}},
        {.family = 6, .bytes = {[15] = 1}},
    };

    *ret_n = family == AF_UNSPEC ? 2 : 1;
    return &list[family == AF_INET6 ? 1 : 0];
}
