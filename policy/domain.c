#include "policy/domain.h"

#include <string.h>

#include "base/macros.h"

/* What is wrong with a name, in the order of asking. */
static bool has_whitespace(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (s[i] == ' ' || s[i] == '\t')
            return true;
    return false;
}

static bool has_control(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
            return true;
    return false;
}

static bool has_foreign(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)s[i] >= 0x80)
            return true;
    return false;
}

static bool has_scheme(const char *s, size_t len)
{
    for (size_t i = 0; i + 2 < len; i++)
        if (memcmp(s + i, "://", 3) == 0)
            return true;
    return false;
}

static bool is_range(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((s[i] < '0' || s[i] > '9') && s[i] != '.' && s[i] != '/' &&
            s[i] != '-' && s[i] != '*')
            return false;
    return memchr(s, '.', len) != NULL &&
           (memchr(s, '/', len) != NULL || memchr(s, '-', len) != NULL ||
            (memchr(s, '*', len) != NULL && s[0] != '*'));
}

static bool has_path(const char *s, size_t len)
{
    return memchr(s, '/', len) != NULL || memchr(s, '?', len) != NULL ||
           memchr(s, '#', len) != NULL;
}

static bool has_user(const char *s, size_t len)
{
    return memchr(s, '@', len) != NULL;
}

static bool has_star(const char *s, size_t len)
{
    return memchr(s, '*', len) != NULL;
}

static bool has_empty_label(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (s[i] == '.' && (i == 0 || s[i - 1] == '.'))
            return true;
    return false;
}

static bool has_long_label(const char *s, size_t len)
{
    size_t label = 0;

    for (size_t i = 0; i < len; i++) {
        label = s[i] == '.' ? 0 : label + 1;
        if (label > 63)
            return true;
    }
    return false;
}

static bool is_long(const char *s, size_t len)
{
    return len > POLICY_NAME_MAX + (size_t)(len > 0 && s[len - 1] == '.');
}

/* Asked of the whole pattern first. */
static const struct {
    bool (*wrong)(const char *s, size_t len);
    const char *why;
} whole_rows[] = {
    {has_whitespace, "spaces are not allowed in a host"},
    {has_control, "control characters are not allowed in a host"},
    {has_foreign, "write names with other than ASCII letters as A-labels "
                  "(xn--...)"},
    {has_scheme, "a scheme is not part of a host; write the host alone"},
    {is_range, "an address range is no name; use allowedAddresses or "
               "deniedAddresses"},
    {has_user, "a user is not part of a host; write the host alone"},
    {has_path, "a path is not part of a host; write the host alone"},
};

/* Asked of the name without port and "*.". */
static const struct {
    bool (*wrong)(const char *s, size_t len);
    const char *why;
} name_rows[] = {
    {has_star, "a wildcard must be the whole pattern or its first label"},
    {has_empty_label, "an empty label"},
    {has_long_label, "a label is longer than 63 bytes"},
    {is_long, "the name is longer than 253 bytes"},
};

static const char *why_name(const char *s, size_t len)
{
    for (size_t i = 0; i < SRT_ARRAY_LEN(name_rows); i++)
        if (name_rows[i].wrong(s, len))
            return name_rows[i].why;
    return "a host has letters, digits, '-', '_' and '.' only, and a number "
           "at its end only in an address";
}

/* Split off ":port" or ":lo-hi".  False: *ret_why is set. */
static bool split_port(const char *s, size_t *len, struct policy_pattern *ret,
                       const char **ret_why)
{
    size_t at = *len;

    while (at > 0 && s[at - 1] != ':' && s[at - 1] != ']')
        at--;
    if (at == 0 || s[at - 1] == ']') {
        if (at != 0 && at != *len) {
            *ret_why = "only a port may follow the bracket";
            return false;
        }
        return true;
    }
    at--;
    if (s[0] != '[' && memchr(s, ':', at) != NULL) {
        *ret_why = "an IPv6 address must stand in brackets";
        return false;
    }
    if (!policy_addr_ports(s + at + 1, *len - at - 1, &ret->port_lo,
                           &ret->port_hi)) {
        *ret_why = "a port is a number from 1 to 65535, or lo-hi";
        return false;
    }
    *len = at;
    return true;
}

static bool parse_bracketed(const char *s, size_t len,
                            struct policy_pattern *ret, const char **ret_why)
{
    ret->kind = POLICY_PATTERN_ADDRESS;
    *ret_why = "brackets hold an IPv6 address without a zone";
    return policy_host_parse(s, len, ret->name, sizeof(ret->name), &ret->addr);
}

static bool parse_suffix(const char *s, size_t len, struct policy_pattern *ret,
                         const char **ret_why)
{
    if (len == 0 ||
        !policy_host_parse(s, len, ret->name, sizeof(ret->name), &ret->addr)) {
        *ret_why = len == 0 ? "an empty label" : why_name(s, len);
        return false;
    }
    ret->kind = POLICY_PATTERN_SUFFIX;
    if (ret->addr.family != 0) {
        *ret_why = "a wildcard never stands for an address";
        return false;
    }
    *ret_why = "a wildcard over a public suffix; name at least two labels";
    return memchr(ret->name, '.', strlen(ret->name)) != NULL ||
           policy_host_is_localhost(ret->name);
}

bool policy_domain_parse(const char *pattern, struct policy_pattern *ret,
                         const char **ret_why)
{
    struct policy_pattern p = {0};
    size_t len = strlen(pattern);

    for (size_t i = 0; i < SRT_ARRAY_LEN(whole_rows); i++) {
        if (!whole_rows[i].wrong(pattern, len))
            continue;
        *ret_why = whole_rows[i].why;
        return false;
    }
    if (!split_port(pattern, &len, &p, ret_why))
        return false;
    *ret_why = "an empty host";
    if (len == 0)
        return false;
    if (pattern[0] == '[') {
        if (!parse_bracketed(pattern, len, &p, ret_why))
            return false;
    } else if (len == 1 && pattern[0] == '*') {
        p.kind = POLICY_PATTERN_ANY;
    } else if (len >= 2 && pattern[0] == '*' && pattern[1] == '.') {
        if (!parse_suffix(pattern + 2, len - 2, &p, ret_why))
            return false;
    } else {
        if (!policy_host_parse(pattern, len, p.name, sizeof(p.name), &p.addr)) {
            *ret_why = why_name(pattern, len);
            return false;
        }
        if (p.addr.family != 0)
            p.kind = POLICY_PATTERN_ADDRESS;
    }
    p.addr = policy_addr_meant(p.addr);
    *ret = p;
    return true;
}

bool policy_domain_check(const char *pattern, const char **ret_why)
{
    struct policy_pattern p;

    return policy_domain_parse(pattern, &p, ret_why);
}
