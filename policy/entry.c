#include "policy/entry.h"

#include <stdint.h>
#include <string.h>

#include "base/macros.h"
#include "policy/addr.h"
#include "policy/domain.h"

static bool has_control(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

static bool has_glob(const char *text)
{
    return strpbrk(text, "*?[") != NULL;
}

static const char *check_path(const char *text, bool literal, bool may_glob)
{
    size_t len = strlen(text);

    if (len == 0)
        return "the path is empty; expected a path";
    if (len >= 4096)
        return "the path is too long; expected at most 4095 bytes";
    if (has_control(text) && !literal)
        return "a control character in a path; expected {\"path\": ..., "
               "\"literal\": true} if it is meant";
    if (text[0] == '$' && !literal)
        return "variables are not expanded; expected '~/...' or an absolute "
               "path";
    if (text[0] == '~' && text[1] != '\0' && text[1] != '/' && !literal)
        return "'~user' is not supported; expected '~' or '~/...', or an "
               "absolute path";
    if (literal || may_glob || !has_glob(text))
        return NULL;
    /* A trailing slash and two stars name the directory itself. */
    if (len > 3 && strcmp(text + len - 3, "/**") == 0 &&
        strcspn(text, "*?[") == len - 2)
        return NULL;
    return "a glob cannot be writable; expected a path, or \"dir/**\" for the "
           "directory";
}

static const char *check_cidr(const char *text)
{
    struct policy_cidr c;

    return policy_cidr_parse(text, &c)
               ? NULL
               : "not an address; expected an IP address or CIDR range such as "
                 "10.0.0.0/8 or [2001:db8::]/32, with an optional :port";
}

static const char *check_domain(const char *text)
{
    const char *why;

    return policy_domain_check(text, &why) ? NULL : why;
}

static const char *check_name(const char *text)
{
    if (text[0] == '\0' || strchr(text, '=') != NULL || has_control(text))
        return "not a variable name; expected a name or pattern such as "
               "AWS_*";
    return NULL;
}

const char *policy_entry_check(enum policy_list list, const char *text,
                               bool literal)
{
    switch (list) {
    case POLICY_LIST_ALLOWED_DOMAINS:
    case POLICY_LIST_DENIED_DOMAINS:
        return check_domain(text);
    case POLICY_LIST_ALLOWED_ADDRESSES:
    case POLICY_LIST_DENIED_ADDRESSES:
    case POLICY_LIST_DENIED_RESOLVED_ADDRESSES:
        return check_cidr(text);
    case POLICY_LIST_ALLOW_WRITE:
        return check_path(text, literal, false);
    case POLICY_LIST_ALLOW_UNIX_SOCKETS:
        return check_path(text, true, true);
    case POLICY_LIST_DENY_READ:
    case POLICY_LIST_ALLOW_READ:
    case POLICY_LIST_DENY_WRITE:
        return check_path(text, literal, true);
    case POLICY_LIST_ENV_INHERIT:
    case POLICY_LIST_ENV_DENY:
        return check_name(text);
    case POLICY_LISTS:
        break;
    }
    return "no such list";
}

/* Optimal string alignment would be finer; Levenshtein finds typos. */
size_t policy_entry_distance(const char *a, const char *b)
{
    size_t row[64];
    size_t n = strlen(b);

    if (n + 1 > SRT_ARRAY_LEN(row) || strlen(a) > 256)
        return SIZE_MAX;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[n];
}
