/* No libc but memcpy and memcmp: part of the image's reader, which the shim
 * links alone. */
#include "policy/addr.h"

#include <string.h>

#include "base/macros.h"

enum { GROUPS = 8 };

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 16;
}

/* One number of inet_aton(3): 0x.. hexadecimal, 0.. octal, else decimal. */
static bool parse_part(const char *s, size_t len, uint32_t *ret)
{
    uint64_t v = 0;
    int base = 10;

    if (len > 1 && s[0] == '0') {
        base = s[1] == 'x' || s[1] == 'X' ? 16 : 8;
        s += base == 16 ? 2 : 1;
        len -= base == 16 ? 2 : 1;
    }
    if (len == 0)
        return false;
    for (size_t i = 0; i < len; i++) {
        int d = digit_value(s[i]);

        if (d >= base)
            return false;
        v = v * (unsigned)base + (unsigned)d;
        if (v > UINT32_MAX)
            return false;
    }
    *ret = (uint32_t)v;
    return true;
}

static size_t find(const char *s, size_t len, char c)
{
    size_t i = 0;

    while (i < len && s[i] != c)
        i++;
    return i;
}

static void put_v4(struct policy_addr *a, uint32_t v)
{
    *a = (struct policy_addr){.family = 4};
    for (int i = 0; i < 4; i++)
        a->bytes[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* One to four parts; the last one fills what is left of the 32 bits. */
static bool parse_v4(const char *s, size_t len, struct policy_addr *ret)
{
    uint32_t whole = 0;
    uint32_t part;

    for (unsigned i = 0; i < 4; i++) {
        size_t n = find(s, len, '.');

        if (!parse_part(s, n, &part))
            return false;
        if (n == len) {
            unsigned bits = 32 - 8 * i;

            if (bits < 32 && part >> bits != 0)
                return false;
            put_v4(ret, whole | part);
            return true;
        }
        if (part > 255)
            return false;
        whole |= part << (24 - 8 * i);
        s += n + 1;
        len -= n + 1;
    }
    return false;
}

/* Exactly four decimal parts without leading zeros. */
static bool parse_plain_v4(const char *s, size_t len, struct policy_addr *ret)
{
    unsigned dots = 0;

    for (size_t i = 0; i < len; i++) {
        bool begins = i == 0 || s[i - 1] == '.';

        dots += s[i] == '.';
        if (s[i] != '.' && digit_value(s[i]) > 9)
            return false;
        if (begins && s[i] == '0' && i + 1 < len && s[i + 1] != '.')
            return false;
    }
    return dots == 3 && parse_v4(s, len, ret);
}

static bool parse_group(const char *s, size_t len, uint16_t *ret)
{
    unsigned v = 0;

    if (len == 0 || len > 4)
        return false;
    for (size_t i = 0; i < len; i++) {
        int d = digit_value(s[i]);

        if (d > 15)
            return false;
        v = v << 4 | (unsigned)d;
    }
    *ret = (uint16_t)v;
    return true;
}

/* Groups of one side of "::" (or of the whole address) into out.  Returns how
 * many, or -1. */
static int parse_groups(const char *s, size_t len, uint16_t *out, int max)
{
    int n = 0;

    if (len == 0)
        return 0;
    for (;;) {
        size_t k = find(s, len, ':');
        struct policy_addr v4;

        if (k == len && find(s, k, '.') < k) {
            if (n + 2 > max || !parse_plain_v4(s, k, &v4))
                return -1;
            out[n++] = (uint16_t)(v4.bytes[0] << 8 | v4.bytes[1]);
            out[n++] = (uint16_t)(v4.bytes[2] << 8 | v4.bytes[3]);
            return n;
        }
        if (n == max || !parse_group(s, k, &out[n]))
            return -1;
        n++;
        if (k == len)
            return n;
        s += k + 1;
        len -= k + 1;
        if (len == 0)
            return -1;
    }
}

static size_t find_gap(const char *s, size_t len)
{
    for (size_t i = 0; i + 1 < len; i++)
        if (s[i] == ':' && s[i + 1] == ':')
            return i;
    return len;
}

static bool parse_v6(const char *s, size_t len, struct policy_addr *ret)
{
    uint16_t head[GROUPS];
    uint16_t tail[GROUPS];
    size_t gap = find_gap(s, len);
    int nhead = parse_groups(s, gap, head, GROUPS);
    int ntail = 0;
    struct policy_addr a = {.family = 6};

    if (gap < len) {
        /* An IPv4 tail belongs to the right side only. */
        if (find(s, gap, '.') < gap)
            return false;
        ntail = parse_groups(s + gap + 2, len - gap - 2, tail, GROUPS);
    }
    if (nhead < 0 || ntail < 0 ||
        (gap < len ? nhead + ntail > GROUPS - 1 : nhead != GROUPS))
        return false;
    for (int i = 0; i < nhead; i++) {
        a.bytes[2 * i] = (uint8_t)(head[i] >> 8);
        a.bytes[2 * i + 1] = (uint8_t)head[i];
    }
    for (int i = 0; i < ntail; i++) {
        int at = 2 * (GROUPS - ntail + i);

        a.bytes[at] = (uint8_t)(tail[i] >> 8);
        a.bytes[at + 1] = (uint8_t)tail[i];
    }
    *ret = a;
    return true;
}

bool policy_addr_parse(const char *text, size_t len, struct policy_addr *ret)
{
    if (find(text, len, ':') < len)
        return parse_v6(text, len, ret);
    return parse_v4(text, len, ret);
}

struct policy_addr policy_addr_masked(struct policy_addr a, unsigned bits)
{
    unsigned size = a.family == 4 ? 4 : 16;

    for (unsigned i = 0; i < size; i++) {
        unsigned keep = bits >= 8 * (i + 1) ? 8
                        : bits > 8 * i      ? bits - 8 * i
                                            : 0;

        a.bytes[i] = (uint8_t)(a.bytes[i] & (0xff00u >> keep));
    }
    return a;
}

/* Prefixes of IPv6 that carry IPv4, and where. */
static const struct carrier {
    uint8_t prefix[12];
    uint8_t bits; /* of the prefix */
    uint8_t at;   /* byte where the IPv4 address begins */
} carriers[] = {
    {{[10] = 0xff, [11] = 0xff}, 96, 12}, /* v4-mapped */
    {{0x00, 0x64, 0xff, 0x9b}, 96, 12},   /* NAT64, RFC 6052 */
    {{[8] = 0xff, [9] = 0xff}, 96, 12},   /* SIIT, RFC 2765 2.1 */
    {{0x20, 0x02}, 16, 2},                /* 6to4 */
    {{0}, 96, 12},                        /* v4-compatible */
};

static const struct carrier *carrier_of(const struct policy_addr *a)
{
    static const uint8_t low[3] = {0};

    if (a->family != 6)
        return NULL;
    for (size_t i = 0; i < SRT_ARRAY_LEN(carriers); i++) {
        const struct carrier *c = &carriers[i];

        if (memcmp(a->bytes, c->prefix, c->bits / 8) != 0)
            continue;
        /* :: and ::1 are addresses of IPv6. */
        if (i == SRT_ARRAY_LEN(carriers) - 1 &&
            memcmp(a->bytes + 12, low, sizeof(low)) == 0 && a->bytes[15] <= 1)
            return NULL;
        return c;
    }
    return NULL;
}

struct policy_addr policy_addr_meant(struct policy_addr a)
{
    const struct carrier *c = carrier_of(&a);
    struct policy_addr v4 = {.family = 4};

    if (c == NULL)
        return a;
    memcpy(v4.bytes, a.bytes + c->at, 4);
    return v4;
}

bool policy_addr_equal(struct policy_addr a, struct policy_addr b)
{
    return a.family == b.family &&
           memcmp(a.bytes, b.bytes, a.family == 4 ? 4 : 16) == 0;
}

static char *add_number(char *out, unsigned v, unsigned base)
{
    char digits[5];
    size_t n = 0;

    do {
        digits[n++] = "0123456789abcdef"[v % base];
        v /= base;
    } while (v > 0);
    while (n > 0)
        *out++ = digits[--n];
    return out;
}

static char *add_v4(char *out, const uint8_t *bytes)
{
    for (int i = 0; i < 4; i++) {
        if (i > 0)
            *out++ = '.';
        out = add_number(out, bytes[i], 10);
    }
    return out;
}

/* The longest run of two or more zero groups among the first n, the first of
 * several. */
static void find_zeros(const uint8_t *bytes, int n, int *ret_at, int *ret_len)
{
    int run = 0;

    *ret_at = -1;
    *ret_len = 1;
    for (int i = 0; i < n; i++) {
        run = (bytes[2 * i] | bytes[2 * i + 1]) == 0 ? run + 1 : 0;
        if (run > *ret_len) {
            *ret_len = run;
            *ret_at = i - run + 1;
        }
    }
}

const char *policy_addr_text(struct policy_addr a, char *out)
{
    const struct carrier *mapped = carrier_of(&a);
    int groups = mapped == &carriers[0] ? GROUPS - 2 : GROUPS;
    char *p = out;
    int at;
    int len;

    if (a.family != 6) {
        if (a.family == 4)
            p = add_v4(out, a.bytes);
        *p = '\0';
        return out;
    }
    find_zeros(a.bytes, groups, &at, &len);
    for (int i = 0; i < groups; i++) {
        if (i == at) {
            *p++ = ':';
            i += len - 1;
            if (i == groups - 1)
                *p++ = ':';
            continue;
        }
        if (i > 0)
            *p++ = ':';
        p = add_number(p, (unsigned)(a.bytes[2 * i] << 8 | a.bytes[2 * i + 1]),
                       16);
    }
    if (groups < GROUPS) {
        *p++ = ':';
        p = add_v4(p, a.bytes + 12);
    }
    *p = '\0';
    return out;
}

static bool parse_small(const char *s, size_t len, unsigned max, unsigned *ret)
{
    unsigned v = 0;

    if (len == 0 || len > 5)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        v = v * 10 + (unsigned)(s[i] - '0');
    }
    *ret = v;
    return v <= max;
}

bool policy_addr_ports(const char *text, size_t len, uint16_t *ret_lo,
                       uint16_t *ret_hi)
{
    size_t n = find(text, len, '-');
    unsigned lo;
    unsigned hi;

    if (!parse_small(text, n, 65535, &lo) || lo == 0)
        return false;
    hi = lo;
    if (n < len && !parse_small(text + n + 1, len - n - 1, 65535, &hi))
        return false;
    if (lo > hi)
        return false;
    *ret_lo = (uint16_t)lo;
    *ret_hi = (uint16_t)hi;
    return true;
}

/* The address part of a CIDR at the front of s: how many bytes it takes, 0 if
 * there is none. */
static size_t parse_net(const char *s, size_t len, struct policy_addr *ret)
{
    size_t n;

    if (len > 0 && s[0] == '[') {
        n = find(s, len, ']');
        if (n == len || find(s, n, ':') == n || !parse_v6(s + 1, n - 1, ret))
            return 0;
        return n + 1;
    }
    n = find(s, len, '/');
    if (find(s, n, ':') < find(s, n, '.'))
        return parse_v6(s, n, ret) ? n : 0;
    n = find(s, n, ':');
    return parse_plain_v4(s, n, ret) ? n : 0;
}

/* "64:ff9b::10.0.0.0/104" is 10.0.0.0/8; but "64:ff9b::/96" is the way of
 * carrying, not all of IPv4. */
static void translate_net(struct policy_cidr *c)
{
    const struct carrier *carrier = carrier_of(&c->net);
    unsigned used;

    if (carrier == NULL || c->bits <= carrier->bits)
        return;
    used = (unsigned)c->bits - carrier->bits;
    if (used > 32)
        return;
    c->net = policy_addr_masked(policy_addr_meant(c->net), used);
    c->bits = (uint8_t)used;
}

bool policy_cidr_parse(const char *text, struct policy_cidr *ret)
{
    struct policy_cidr c = {0};
    size_t len = strlen(text);
    size_t n = parse_net(text, len, &c.net);
    unsigned bits = c.net.family == 4 ? 32 : 128;

    if (n == 0)
        return false;
    text += n;
    len -= n;
    if (len > 0 && text[0] == '/') {
        n = find(text, len, ':');
        if (n > 4 || !parse_small(text + 1, n - 1, bits, &bits))
            return false;
        text += n;
        len -= n;
    }
    c.bits = (uint8_t)bits;
    c.net = policy_addr_masked(c.net, bits);
    if (len > 0 &&
        (text[0] != ':' ||
         !policy_addr_ports(text + 1, len - 1, &c.port_lo, &c.port_hi)))
        return false;
    translate_net(&c);
    *ret = c;
    return true;
}

static bool net_holds(struct policy_addr net, unsigned bits,
                      struct policy_addr a)
{
    return a.family == net.family &&
           policy_addr_equal(policy_addr_masked(a, bits), net);
}

/* First fit decides, so single addresses stand before their ranges. */
static const struct range {
    struct policy_addr net;
    uint8_t bits;
    const char *what;
} ranges[] = {
    {{4, {169, 254, 169, 254}}, 32, "cloud metadata"}, /* AWS, GCP, Azure */
    {{4, {169, 254, 170, 2}}, 32, "cloud metadata"},   /* AWS ECS */
    {{4, {100, 100, 100, 200}}, 32, "cloud metadata"}, /* Alibaba */
    {{4, {168, 63, 129, 16}}, 32, "cloud metadata"},   /* Azure wire server */
    {{4, {192, 0, 0, 192}}, 32, "cloud metadata"},     /* Oracle */
    {{4, {0}}, 8, "unspecified"}, /* Linux connects 0.0.0.0 to itself */
    {{4, {127}}, 8, "loopback"},
    {{4, {169, 254}}, 16, "link-local"},
    {{4, {224}}, 4, "multicast"},
    {{4, {255, 255, 255, 255}}, 32, "broadcast"},
    {{6, {0xfd, 0x00, 0x0e, 0xc2}}, 32, "cloud metadata"}, /* AWS */
    {{6, {0xfd, 0x20, 0x00, 0xce, [14] = 0x02, [15] = 0x54}},
     128,
     "cloud metadata"}, /* GCP */
    {{6, {0}}, 128, "unspecified"},
    {{6, {[15] = 1}}, 128, "loopback"},
    {{6, {0xfe, 0x80}}, 10, "link-local"},
    {{6, {0xff}}, 8, "multicast"},
    /* Which IPv4 address is meant, only the translator knows. */
    {{6, {0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}},
     48,
     "translated"},                    /* RFC 8215 */
    {{6, {0x20, 0x01}}, 32, "Teredo"}, /* RFC 4380 */
};

const char *policy_addr_class_range(struct policy_addr a, uint8_t *ret_bits)
{
    a = policy_addr_meant(a);
    for (size_t i = 0; i < SRT_ARRAY_LEN(ranges); i++) {
        if (!net_holds(ranges[i].net, ranges[i].bits, a))
            continue;
        *ret_bits = ranges[i].bits;
        return ranges[i].what;
    }
    return NULL;
}

const char *policy_addr_class(struct policy_addr a)
{
    uint8_t bits;

    return policy_addr_class_range(a, &bits);
}
