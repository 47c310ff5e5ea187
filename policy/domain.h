/* The patterns of allowedDomains and deniedDomains, as they are
 * written. */
#ifndef SRT_POLICY_DOMAIN_H
#define SRT_POLICY_DOMAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/addr.h"
#include "policy/host.h"

enum policy_pattern_kind {
    POLICY_PATTERN_EXACT,  /* host */
    POLICY_PATTERN_SUFFIX, /* *.rest: strict subdomains */
    POLICY_PATTERN_ANY,    /* * */
    POLICY_PATTERN_ADDRESS,
};

struct policy_pattern {
    enum policy_pattern_kind kind;
    char name[POLICY_HOST_SIZE]; /* canonical; the rest of *.rest; "" for * */
    struct policy_addr addr;     /* ADDRESS: what it means (IPv4 if carried) */
    uint16_t port_lo, port_hi;   /* 0, 0: every port */
};

/* Read a pattern.  On failure *ret_why says why in one clause (a constant). */
bool policy_domain_parse(const char *pattern, struct policy_pattern *ret,
                         const char **ret_why);
bool policy_domain_check(const char *pattern, const char **ret_why);

#endif
