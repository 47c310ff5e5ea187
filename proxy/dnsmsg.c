#include "proxy/dnsmsg.h"

#include <string.h>

#include "base/cursor.h"

enum {
    HEADER = 12,
    LABEL_MAX = 63,
    WIRE_NAME_MAX = 255,
    POINTER = 0xc0,
    JUMPS_MAX = 32,
    CLASS_IN = 1,
    FLAG_QR = 0x8000,
    FLAG_TC = 0x0200,
    FLAG_RD = 0x0100,
    FLAG_RA = 0x0080,
    FLAG_CD = 0x0010,
    OPCODE = 0x7800,
    OPT_EDE = 15,
    OPT_BYTES = 11, /* an OPT record without options */
};

static void put16(uint8_t *at, unsigned v)
{
    at[0] = (uint8_t)(v >> 8);
    at[1] = (uint8_t)v;
}

static void put32(uint8_t *at, uint32_t v)
{
    put16(at, v >> 16);
    put16(at + 2, v & 0xffff);
}

/* ---- reading ---- */

/* An uncompressed name: its labels as text. */
static bool read_name(struct srt_cursor *c, char *text, bool *ret_odd)
{
    size_t wire = 1;
    size_t used = 0;
    const uint8_t *label;
    uint8_t n;

    *ret_odd = false;
    for (;;) {
        if (!srt_cursor_u8(c, &n))
            return false;
        if (n == 0)
            break;
        wire += 1u + n;
        if (n > LABEL_MAX || wire > WIRE_NAME_MAX ||
            !srt_cursor_bytes(c, n, &label))
            return false;
        if (used > 0)
            text[used++] = '.';
        for (size_t i = 0; i < n; i++) {
            *ret_odd |= label[i] == '.' || label[i] == '\0';
            text[used++] = label[i] != '\0' ? (char)label[i] : '?';
        }
    }
    text[used] = '\0';
    return true;
}

static bool skip_name(struct srt_cursor *c)
{
    const uint8_t *skipped;
    uint8_t n;

    while (srt_cursor_u8(c, &n)) {
        if (n == 0)
            return true;
        if ((n & POINTER) == POINTER)
            return srt_cursor_bytes(c, 1, &skipped);
        if (n > LABEL_MAX || !srt_cursor_bytes(c, n, &skipped))
            return false;
    }
    return false;
}

struct record {
    uint16_t type, class, data_len;
    uint32_t ttl;
    size_t owner, data; /* offsets in the message */
};

static bool read_record(struct srt_cursor *c, const uint8_t *message,
                        struct record *ret)
{
    const uint8_t *data;

    ret->owner = (size_t)(c->at - message);
    if (!skip_name(c) || !srt_cursor_be16(c, &ret->type) ||
        !srt_cursor_be16(c, &ret->class) || !srt_cursor_be32(c, &ret->ttl) ||
        !srt_cursor_be16(c, &ret->data_len) ||
        !srt_cursor_bytes(c, ret->data_len, &data))
        return false;
    ret->data = (size_t)(data - message);
    return true;
}

/* The additional section of a query: one OPT at most; TSIG and others may
 * stand there and are not for us. */
static bool read_additional(struct srt_cursor *c, const uint8_t *message,
                            unsigned count, struct proxy_dnsmsg_query *ret)
{
    struct record r;

    for (; count > 0; count--) {
        if (!read_record(c, message, &r))
            return false;
        if (r.type != PROXY_DNSMSG_OPT)
            continue;
        if (ret->edns || message[r.owner] != 0)
            return false;
        ret->edns = true;
        ret->udp_size = r.class;
    }
    return true;
}

static bool read_question(struct srt_cursor *c, struct proxy_dnsmsg_query *ret,
                          uint16_t *ret_class)
{
    const uint8_t *from = c->at;

    if (!read_name(c, ret->name, &ret->odd_name) ||
        !srt_cursor_be16(c, &ret->type) || !srt_cursor_be16(c, ret_class))
        return false;
    ret->question_len = (size_t)(c->at - from);
    memcpy(ret->question, from, ret->question_len);
    return true;
}

/* What follows the header.  NOERROR: all is well. */
static enum proxy_dnsmsg_rcode read_body(struct srt_cursor *c,
                                         const uint8_t *message,
                                         const uint16_t count[4],
                                         struct proxy_dnsmsg_query *ret)
{
    uint16_t class;

    if ((ret->flags & OPCODE) != 0)
        return PROXY_DNSMSG_NOTIMP;
    if (count[0] != 1 || count[1] != 0 || count[2] != 0 ||
        !read_question(c, ret, &class) ||
        !read_additional(c, message, count[3], ret) || c->left != 0)
        return PROXY_DNSMSG_FORMERR;
    return class == CLASS_IN ? PROXY_DNSMSG_NOERROR : PROXY_DNSMSG_REFUSED;
}

enum proxy_dnsmsg_parsed proxy_dnsmsg_parse(const uint8_t *bytes, size_t len,
                                            struct proxy_dnsmsg_query *ret,
                                            enum proxy_dnsmsg_rcode *ret_rcode)
{
    struct srt_cursor c = {bytes, len};
    enum proxy_dnsmsg_rcode rcode;
    uint16_t count[4];

    *ret = (struct proxy_dnsmsg_query){.udp_size = PROXY_DNSMSG_UDP_MIN};
    if (!srt_cursor_be16(&c, &ret->id) || !srt_cursor_be16(&c, &ret->flags))
        return PROXY_DNSMSG_SILENT;
    for (size_t i = 0; i < 4; i++)
        if (!srt_cursor_be16(&c, &count[i]))
            return PROXY_DNSMSG_SILENT;
    if ((ret->flags & FLAG_QR) != 0)
        return PROXY_DNSMSG_SILENT;
    rcode = read_body(&c, bytes, count, ret);
    if (ret->udp_size < PROXY_DNSMSG_UDP_MIN || rcode != PROXY_DNSMSG_NOERROR)
        ret->udp_size = PROXY_DNSMSG_UDP_MIN;
    if (ret->udp_size > PROXY_DNSMSG_UDP_MAX)
        ret->udp_size = PROXY_DNSMSG_UDP_MAX;
    if (rcode == PROXY_DNSMSG_NOERROR)
        return PROXY_DNSMSG_OK;
    ret->edns = false;
    *ret_rcode = rcode;
    return PROXY_DNSMSG_ERROR;
}

/* ---- writing ---- */

void proxy_dnsmsg_begin(struct proxy_dnsmsg_answer *a,
                        const struct proxy_dnsmsg_query *q,
                        enum proxy_dnsmsg_rcode rcode, uint8_t *out, size_t cap)
{
    *a = (struct proxy_dnsmsg_answer){
        .out = out, .cap = cap, .len = HEADER + q->question_len};
    memset(out, 0, HEADER);
    put16(out, q->id);
    put16(out + 2, FLAG_QR | FLAG_RA |
                       (q->flags & (OPCODE | FLAG_RD | FLAG_CD)) |
                       (unsigned)rcode);
    put16(out + 4, q->question_len > 0);
    memcpy(out + HEADER, q->question, q->question_len);
}

/* Room for n bytes, the OPT record kept free; NULL sets TC. */
static uint8_t *take(struct proxy_dnsmsg_answer *a, size_t n)
{
    uint8_t *at = a->out + a->len;

    if (a->truncated || a->len + n + OPT_BYTES > a->cap) {
        a->truncated = true;
        return NULL;
    }
    a->len += n;
    return at;
}

/* Type to length; the data follows. */
static bool put_head(struct proxy_dnsmsg_answer *a, uint16_t type, uint32_t ttl,
                     size_t data_len)
{
    uint8_t *at = take(a, 10);

    if (at == NULL)
        return false;
    put16(at, type);
    put16(at + 2, CLASS_IN);
    put32(at + 4, ttl);
    put16(at + 8, (unsigned)data_len);
    return true;
}

static void put_data(struct proxy_dnsmsg_answer *a, uint16_t type, uint32_t ttl,
                     const uint8_t *data, size_t len)
{
    uint8_t *at;

    if (!put_head(a, type, ttl, len) || (at = take(a, len)) == NULL)
        return;
    memcpy(at, data, len);
    a->count++;
}

void proxy_dnsmsg_add(struct proxy_dnsmsg_answer *a, uint16_t type,
                      uint32_t ttl, const uint8_t *data, size_t len)
{
    uint8_t *owner = take(a, 2);

    if (owner == NULL)
        return;
    put16(owner, POINTER << 8 | HEADER); /* the question's name */
    put_data(a, type, ttl, data, len);
}

void proxy_dnsmsg_add_ptr(struct proxy_dnsmsg_answer *a, uint32_t ttl,
                          const char *host)
{
    uint8_t data[WIRE_NAME_MAX];
    size_t used = 0;

    while (*host != '\0') {
        size_t n = strcspn(host, ".");

        if (n == 0 || n > LABEL_MAX || used + n + 2 > sizeof(data))
            return;
        data[used++] = (uint8_t)n;
        memcpy(data + used, host, n);
        used += n;
        host += n + (host[n] == '.');
    }
    data[used++] = 0;
    proxy_dnsmsg_add(a, PROXY_DNSMSG_PTR, ttl, data, used);
}

/* ---- copying from a name server's answer ---- */

/* Where the pointer at `from` leads; to itself when it is cut off. */
static size_t pointed_at(const uint8_t *m, size_t len, size_t from)
{
    return from + 1 < len ? (size_t)(m[from] & 0x3f) << 8 | m[from + 1] : from;
}

/* Expand the name at *at (RFC 1035 4.1.4; pointers lead backwards only) into
 * `out` of WIRE_NAME_MAX bytes.  Returns its length, 0: malformed; *at moves
 * behind it. */
static size_t expand(const uint8_t *m, size_t len, size_t *at, uint8_t *out)
{
    size_t used = 0;
    size_t from = *at;
    size_t behind = 0; /* the first pointer */

    for (int jumps = 0; from < len && jumps <= JUMPS_MAX;) {
        uint8_t n = m[from];

        if ((n & POINTER) == POINTER) {
            size_t to = pointed_at(m, len, from);

            if (to >= from)
                return 0;
            behind = behind != 0 ? behind : from + 2;
            from = to;
            jumps++;
            continue;
        }
        if (n > LABEL_MAX || from + 1 + n > len ||
            used + 1 + n + (n != 0) > WIRE_NAME_MAX)
            return 0;
        memcpy(out + used, m + from, 1u + n);
        used += 1u + n;
        from += 1u + n;
        if (n == 0) {
            *at = behind != 0 ? behind : from;
            return used;
        }
    }
    return 0;
}

/* How the data of a type is made up: 'n' a name, a digit so many bytes, '*' the
 * rest.  These are the types whose names may come compressed (RFC 1035 3.3, RFC
 * 3597 section 4); the rest is passed on as it is. */
static const struct {
    uint16_t type;
    const char *parts;
} layouts[] = {
    {PROXY_DNSMSG_NS, "n"},    {PROXY_DNSMSG_CNAME, "n"},
    {PROXY_DNSMSG_SOA, "nn*"}, {7 /* MB */, "n"},
    {8 /* MG */, "n"},         {9 /* MR */, "n"},
    {PROXY_DNSMSG_PTR, "n"},   {14 /* MINFO */, "nn"},
    {PROXY_DNSMSG_MX, "2n"},   {17 /* RP */, "nn"},
    {18 /* AFSDB */, "2n"},    {21 /* RT */, "2n"},
    {PROXY_DNSMSG_SRV, "6n"},  {36 /* KX */, "2n"},
    {39 /* DNAME */, "n"},
};

static const char *layout_of(uint16_t type)
{
    for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
        if (layouts[i].type == type)
            return layouts[i].parts;
    return "*";
}

enum { DATA_MAX = 2 * WIRE_NAME_MAX + 64 };

/* The data of r with its names expanded.  NULL: malformed. */
static const uint8_t *expand_data(const uint8_t *m, const struct record *r,
                                  uint8_t *out, size_t *ret_len)
{
    const size_t end = r->data + r->data_len;
    const char *part = layout_of(r->type);
    size_t at = r->data;
    size_t used = 0;

    if (*part == '*') {
        *ret_len = r->data_len;
        return m + r->data;
    }
    for (; *part != '\0'; part++) {
        size_t n = *part == '*' ? end - at : (size_t)(*part - '0');

        if (*part == 'n') {
            n = expand(m, end, &at, out + used);
            if (n == 0)
                return NULL;
        } else {
            if (n > end - at || used + n > DATA_MAX)
                return NULL;
            memcpy(out + used, m + at, n);
            at += n;
        }
        used += n;
    }
    *ret_len = used;
    return at == end ? out : NULL;
}

static bool copy_record(struct proxy_dnsmsg_answer *a, const uint8_t *m,
                        size_t len, const struct record *r, uint32_t max_ttl)
{
    uint8_t owner[WIRE_NAME_MAX];
    uint8_t expanded[DATA_MAX];
    const uint8_t *data;
    size_t data_len;
    size_t at = r->owner;
    size_t n = expand(m, len, &at, owner);
    uint8_t *to;

    data = expand_data(m, r, expanded, &data_len);
    if (n == 0 || data == NULL)
        return false;
    to = take(a, n);
    if (to == NULL)
        return true; /* TC says so */
    memcpy(to, owner, n);
    put_data(a, r->type, r->ttl < max_ttl ? r->ttl : max_ttl, data, data_len);
    return true;
}

bool proxy_dnsmsg_copy(struct proxy_dnsmsg_answer *a,
                       const struct proxy_dnsmsg_query *q, const uint8_t *bytes,
                       size_t len, uint32_t max_ttl)
{
    struct srt_cursor c = {bytes, len};
    const uint8_t *skipped;
    uint16_t questions;
    uint16_t answers;

    if (!srt_cursor_bytes(&c, 4, &skipped) ||
        !srt_cursor_be16(&c, &questions) || !srt_cursor_be16(&c, &answers) ||
        !srt_cursor_bytes(&c, 4, &skipped))
        return false;
    for (; questions > 0; questions--)
        if (!skip_name(&c) || !srt_cursor_bytes(&c, 4, &skipped))
            return false;
    for (; answers > 0; answers--) {
        struct record r;

        if (!read_record(&c, bytes, &r))
            return false;
        if (r.class == CLASS_IN &&
            (r.type == q->type || r.type == PROXY_DNSMSG_CNAME) &&
            !copy_record(a, bytes, len, &r, max_ttl))
            return false;
    }
    return true;
}

/* ---- the end ---- */

static void put_opt(struct proxy_dnsmsg_answer *a, uint16_t ede,
                    const char *text)
{
    uint8_t *at = a->out + a->len;
    size_t n = ede != 0 ? strlen(text) : 0;
    size_t options = ede != 0 ? 6 + n : 0;

    if (a->len + OPT_BYTES + options > a->cap) {
        ede = 0;
        options = 0;
    }
    memset(at, 0, OPT_BYTES);
    put16(at + 1, PROXY_DNSMSG_OPT);
    put16(at + 3, PROXY_DNSMSG_UDP_MAX);
    put16(at + 9, (unsigned)options);
    if (ede != 0) {
        put16(at + OPT_BYTES, OPT_EDE);
        put16(at + OPT_BYTES + 2, (unsigned)(2 + n));
        put16(at + OPT_BYTES + 4, ede);
        memcpy(at + OPT_BYTES + 6, text, n);
    }
    a->len += OPT_BYTES + options;
}

size_t proxy_dnsmsg_end(struct proxy_dnsmsg_answer *a,
                        const struct proxy_dnsmsg_query *q, uint16_t ede,
                        const char *text)
{
    if (a->truncated) { /* the asker comes again by TCP */
        a->len = HEADER + q->question_len;
        a->count = 0;
        a->out[2] |= FLAG_TC >> 8;
    }
    put16(a->out + 6, a->count);
    if (q->edns) {
        put_opt(a, ede, text);
        put16(a->out + 10, 1);
    }
    return a->len;
}

/* ---- names that stand for addresses ---- */

/* Labels "4.3.2.1" as the text "1.2.3.4". */
static bool reverse_labels(const char *labels, size_t len, char *out,
                           size_t size)
{
    size_t used = 0;
    size_t at = len;

    while (at > 0) {
        size_t from = at;

        while (from > 0 && labels[from - 1] != '.')
            from--;
        if (used + (at - from) + 2 > size)
            return false;
        memcpy(out + used, labels + from, at - from);
        used += at - from;
        out[used++] = '.';
        at = from > 0 ? from - 1 : 0;
    }
    out[used > 0 ? used - 1 : 0] = '\0';
    return true;
}

static const char v4_zone[] = ".in-addr.arpa";
static const char v6_zone[] = ".ip6.arpa";

static bool ends_with(const char *host, const char *end)
{
    const size_t len = strlen(host);
    const size_t n = strlen(end);

    return len > n && strcmp(host + len - n, end) == 0;
}

bool proxy_dnsmsg_is_reverse(const char *host)
{
    return ends_with(host, v4_zone) || ends_with(host, v6_zone);
}

/* Four decimal numbers and nothing else, which policy_addr_parse() would
 * take. */
static bool reverse_v4(const char *host, size_t len, struct policy_addr *ret)
{
    char text[POLICY_ADDR_TEXT_MAX];
    char again[POLICY_ADDR_TEXT_MAX];

    return reverse_labels(host, len, text, sizeof(text)) &&
           policy_addr_parse(text, strlen(text), ret) && ret->family == 4 &&
           strcmp(policy_addr_text(*ret, again), text) == 0;
}

/* One nibble a label, the last one first. */
static bool reverse_v6(const char *host, size_t len, struct policy_addr *ret)
{
    char text[POLICY_ADDR_TEXT_MAX];
    size_t used = 0;

    if (len != 63)
        return false;
    for (size_t i = 32; i-- > 0;) {
        if (host[2 * i] == '.' || (i < 31 && host[2 * i + 1] != '.'))
            return false;
        text[used++] = host[2 * i];
        if (i % 4 == 0 && i > 0)
            text[used++] = ':';
    }
    return policy_addr_parse(text, used, ret) && ret->family == 6;
}

bool proxy_dnsmsg_reverse(const char *host, struct policy_addr *ret)
{
    struct policy_addr a = {0};
    const size_t len = strlen(host);

    if (!(ends_with(host, v4_zone) &&
          reverse_v4(host, len - strlen(v4_zone), &a)) &&
        !(ends_with(host, v6_zone) &&
          reverse_v6(host, len - strlen(v6_zone), &a)))
        return false;
    *ret = a;
    return true;
}
