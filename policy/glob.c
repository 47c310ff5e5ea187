/* No libc but strlen: part of the image's reader. */
#include "policy/glob.h"

#include <string.h>

static bool is_any_depth(const struct policy_glob *g, size_t i)
{
    return g->len[i] == 2 && g->text[g->at[i]] == '*' &&
           g->text[g->at[i] + 1] == '*';
}

bool policy_glob_parse(const char *pattern, struct policy_glob *ret)
{
    size_t at = 0;

    ret->text = pattern;
    ret->n = 0;
    while (pattern[at] != '\0') {
        size_t n = 0;

        while (pattern[at + n] != '\0' && pattern[at + n] != '/')
            n++;
        if (n > 1 || (n == 1 && pattern[at] != '.')) {
            if (ret->n == POLICY_GLOB_PARTS || at + n > UINT16_MAX)
                return false;
            ret->at[ret->n] = (uint16_t)at;
            ret->len[ret->n] = (uint16_t)n;
            ret->n++;
        }
        at += n + (pattern[at + n] == '/');
    }
    return ret->n > 0;
}

/* The "]" that ends the set which begins at p[0] == '['; 0: none. */
static size_t find_set_end(const char *p, size_t len)
{
    size_t i = 1;

    if (i < len && (p[i] == '!' || p[i] == '^'))
        i++;
    if (i < len && p[i] == ']')
        i++;
    while (i < len && p[i] != ']')
        i += p[i] == '\\' ? 2 : 1;
    return i < len ? i : 0;
}

/* One member byte at p[*i], an escape resolved; moves *i behind it. */
static unsigned char take_member(const char *p, size_t *i)
{
    if (p[*i] == '\\')
        ++*i;
    return (unsigned char)p[(*i)++];
}

static bool set_holds(const char *p, size_t end, unsigned char c)
{
    size_t i = 1;
    bool negated = p[1] == '!' || p[1] == '^';
    bool found = false;

    if (negated)
        i++;
    while (i < end) {
        unsigned char lo = take_member(p, &i);
        unsigned char hi = lo;

        if (i + 1 < end && p[i] == '-') {
            i++;
            hi = take_member(p, &i);
        }
        found |= lo <= c && c <= hi;
    }
    return found != negated;
}

/* Does the one-byte element at p match c?  *ret_used: its length. */
static bool element_holds(const char *p, size_t len, char c, size_t *ret_used)
{
    size_t end;

    *ret_used = 1;
    if (p[0] == '?')
        return true;
    if (p[0] == '[' && (end = find_set_end(p, len)) != 0) {
        *ret_used = end + 1;
        return set_holds(p, end, (unsigned char)c);
    }
    if (p[0] == '\\' && len > 1) {
        *ret_used = 2;
        return p[1] == c;
    }
    return p[0] == c;
}

/* One component.  On a mismatch only the last "*" needs to grow: what an
 * earlier one could swallow, this one can, too. */
static bool part_holds(const char *p, size_t plen, const char *s, size_t slen)
{
    size_t pi = 0;
    size_t si = 0;
    size_t star = SIZE_MAX;
    size_t star_si = 0;
    size_t used;

    while (si < slen) {
        if (pi < plen && p[pi] == '*') {
            star = pi++;
            star_si = si;
        } else if (pi < plen &&
                   element_holds(p + pi, plen - pi, s[si], &used)) {
            pi += used;
            si++;
        } else if (star != SIZE_MAX) {
            pi = star + 1;
            si = ++star_si;
        } else {
            return false;
        }
    }
    while (pi < plen && p[pi] == '*')
        pi++;
    return pi == plen;
}

/* "**" may also stand for nothing. */
static uint64_t skip_any_depth(const struct policy_glob *g, uint64_t positions)
{
    for (size_t i = 0; i < g->n; i++)
        if ((positions >> i & 1) != 0 && is_any_depth(g, i))
            positions |= (uint64_t)1 << (i + 1);
    return positions;
}

uint64_t policy_glob_begin(const struct policy_glob *g)
{
    return skip_any_depth(g, 1);
}

uint64_t policy_glob_step(const struct policy_glob *g, uint64_t positions,
                          const char *name, size_t len)
{
    uint64_t next = 0;

    for (size_t i = 0; i < g->n; i++) {
        if ((positions >> i & 1) == 0)
            continue;
        if (is_any_depth(g, i))
            next |= (uint64_t)1 << i;
        else if (part_holds(g->text + g->at[i], g->len[i], name, len))
            next |= (uint64_t)1 << (i + 1);
    }
    return skip_any_depth(g, next);
}

bool policy_glob_done(const struct policy_glob *g, uint64_t positions)
{
    return (positions >> g->n & 1) != 0;
}

size_t policy_glob_depth(const char *pattern, const char *path)
{
    struct policy_glob g;
    uint64_t positions;
    size_t depth = 0;
    size_t found = 0;

    if (!policy_glob_parse(pattern, &g))
        return 0;
    positions = policy_glob_begin(&g);
    while (*path != '\0' && positions != 0) {
        size_t n = 0;

        while (path[n] != '\0' && path[n] != '/')
            n++;
        if (n > 0) {
            positions = policy_glob_step(&g, positions, path, n);
            depth++;
            if (policy_glob_done(&g, positions))
                found = depth;
        }
        path += n + (path[n] == '/');
    }
    return found;
}

bool policy_glob_is_magic(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] == '*' || text[i] == '?' || text[i] == '[' ||
            text[i] == '\\')
            return true;
    return false;
}

bool policy_glob_check(const char *pattern, const char **ret_why)
{
    struct policy_glob g;

    if (!policy_glob_parse(pattern, &g)) {
        *ret_why = "a glob has 1 to 63 parts";
        return false;
    }
    for (size_t i = 0; i < g.n; i++) {
        const char *p = pattern + g.at[i];

        if (g.len[i] == 2 && p[0] == '.' && p[1] == '.') {
            *ret_why = "'..' cannot follow a wildcard";
            return false;
        }
        for (size_t k = 0; k + 2 < g.len[i]; k++) {
            if (p[k] == '[' && p[k + 1] == '[' && p[k + 2] == ':') {
                *ret_why = "[[:class:]] has no meaning here; write the range";
                return false;
            }
        }
    }
    return true;
}
