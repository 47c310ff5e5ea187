/* What a net of the policy holds, bit by bit: the product asks its image
 * (policy/hosts.c), and this is what it must say. */
#ifndef SRT_TESTS_UNIT_NETS_H
#define SRT_TESTS_UNIT_NETS_H

#include "policy/addr.h"

/* An IPv4 net holds what `a` means, an IPv6 net `a` as written.  port 0: any
 * port that the entry has. */
static inline bool nets_hold(const struct policy_cidr *c, struct policy_addr a,
                             uint16_t port)
{
    if (c->net.family == 4)
        a = policy_addr_meant(a);
    if (a.family != c->net.family || (c->port_lo != 0 && port != 0 &&
                                      (port < c->port_lo || port > c->port_hi)))
        return false;
    for (unsigned i = 0; i < c->bits; i++)
        if (((a.bytes[i / 8] ^ c->net.bytes[i / 8]) & (0x80 >> i % 8)) != 0)
            return false;
    return true;
}

#endif
