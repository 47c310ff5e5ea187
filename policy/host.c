/* Part of the image's reader: memcpy, memcmp and strlen are all it needs. */
#include "policy/host.h"

#include <string.h>

#include "policy/image.h"

enum { LABEL_MAX = 63 };

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

/* Lower-case a name into out.  False: a byte, a label or a length that no
 * name has. */
static bool copy_name(const char *host, size_t len, char *out)
{
    size_t label = 0;

    if (len == 0 || len > POLICY_NAME_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = lower(host[i]);

        if (c == '.') {
            if (label == 0)
                return false;
            label = 0;
        } else if (!is_name_byte(c) || ++label > LABEL_MAX) {
            return false;
        }
        out[i] = c;
    }
    out[len] = '\0';
    return label > 0;
}

/* Some resolver or libc would take a name for an address when its last label
 * is a number: then it must be one. */
static bool ends_in_number(const char *name, size_t len)
{
    size_t at = len;
    bool hex;

    while (at > 0 && name[at - 1] != '.')
        at--;
    hex = len - at >= 2 && name[at] == '0' && name[at + 1] == 'x';
    for (size_t i = hex ? at + 2 : at; i < len; i++) {
        char c = name[i];

        if (!(c >= '0' && c <= '9') && !(hex && c >= 'a' && c <= 'f'))
            return false;
    }
    return true;
}

static bool has_colon(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (s[i] == ':')
            return true;
    return false;
}

static bool canonical_v6(const char *host, size_t len, char *out,
                         struct policy_addr *ret)
{
    struct policy_addr a;

    if (host[0] == '[') {
        if (len < 2 || host[len - 1] != ']')
            return false;
        host++;
        len -= 2;
    }
    if (!policy_addr_parse(host, len, &a) || a.family != 6)
        return false;
    *ret = a;
    (void)policy_addr_text(policy_addr_meant(a), out);
    return true;
}

bool policy_host_parse(const char *host, size_t len, char *out, size_t size,
                       struct policy_addr *ret_addr)
{
    char name[POLICY_HOST_SIZE];
    struct policy_addr a = {0};

    if (size < POLICY_HOST_SIZE || len == 0)
        return false;
    if (host[0] == '[' || has_colon(host, len))
        return canonical_v6(host, len, out, ret_addr);
    if (host[len - 1] == '.')
        len--;
    if (!copy_name(host, len, name))
        return false;
    if (ends_in_number(name, len)) {
        if (!policy_addr_parse(name, len, &a))
            return false;
        (void)policy_addr_text(a, out);
    } else {
        memcpy(out, name, len + 1);
    }
    *ret_addr = a;
    return true;
}

bool policy_host_canonical(const char *host, size_t len, char *out, size_t size)
{
    struct policy_addr a;

    return policy_host_parse(host, len, out, size, &a);
}

bool policy_host_is_localhost(const char *name)
{
    static const char word[] = "localhost";
    size_t n = sizeof(word) - 1;
    size_t len = strlen(name);

    return len >= n && memcmp(name + len - n, word, n) == 0 &&
           (len == n || name[len - n - 1] == '.');
}
