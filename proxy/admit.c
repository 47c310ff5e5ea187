#include <errno.h>
#include <string.h>

#include "proxy/internal.h"

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
        d = policy_decide_host(p->image, name, port);
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
    if (d.verdict == POLICY_DENY && first.rule != NULL)
        return first;
    return d;
}

static bool is_own(const struct proxy *p, struct policy_addr a)
{
    a = policy_addr_meant(a);
    for (size_t i = 0; i < p->nown; i++)
        if (policy_addr_equal(p->own[i], a))
            return true;
    return false;
}

size_t proxy_admit_resolved(struct proxy *p, const char *host, uint16_t port,
                            struct policy_addr *list, size_t n,
                            struct policy_decision *ret_why)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        struct policy_decision d = policy_decide_resolved_at(p->image, host,
                                                             list[i], port);

        if (d.verdict == POLICY_ALLOW && is_own(p, list[i]) &&
            policy_decide_address(p->image, list[i], port).verdict ==
                POLICY_DENY)
            d = (struct policy_decision){
                POLICY_DENY, "builtin:own-address",
                "resolved to an address of this host itself"};
        if (d.verdict == POLICY_ALLOW)
            list[kept++] = list[i];
        else
            *ret_why = d;
    }
    return kept;
}
