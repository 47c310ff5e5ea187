#include "proxy/http.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "policy/addr.h"

enum { LINES_MAX = 8192, HOST_PORT_DEFAULT = 80 };

/* ---- characters, RFC 9110 5.6.2 and 5.5 ---- */

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z');
}

static bool is_token(struct proxy_http_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_alnum(s.at[i]) &&
            (s.at[i] == '\0' || strchr("!#$%&'*+-.^_`|~", s.at[i]) == NULL))
            return false;
    return s.len > 0;
}

/* Visible characters, blanks, and bytes above ASCII. */
static bool is_text(struct proxy_http_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static bool is(struct proxy_http_slice s, const char *word)
{
    return s.len == strlen(word) && strncasecmp(s.at, word, s.len) == 0;
}

static struct proxy_http_slice trim(struct proxy_http_slice s)
{
    while (s.len > 0 && (s.at[0] == ' ' || s.at[0] == '\t')) {
        s.at++;
        s.len--;
    }
    while (s.len > 0 && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t'))
        s.len--;
    return s;
}

/* Cut `s` at the first `c`: what is before; s becomes what is behind.  False:
 * there is none. */
static bool cut(struct proxy_http_slice *s, char c,
                struct proxy_http_slice *ret)
{
    const char *at = s->len > 0 ? memchr(s->at, c, s->len) : NULL;

    if (at == NULL)
        return false;
    ret->at = s->at;
    ret->len = (size_t)(at - s->at);
    s->len -= ret->len + 1;
    s->at = at + 1;
    return true;
}

/* ---- the request line ---- */

static bool bad(struct proxy_http_problem *p, int status, const char *text)
{
    p->status = status;
    p->text = text;
    return false;
}

/* host, host:port, [v6], [v6]:port. */
static bool parse_authority(struct proxy_http_slice a, bool port_needed,
                            struct proxy_http_request *r)
{
    struct proxy_http_slice port = {NULL, 0};
    uint16_t high;

    r->port = HOST_PORT_DEFAULT;
    if (a.len > 0 && a.at[0] == '[') {
        a.at++;
        a.len--;
        if (!cut(&a, ']', &r->host) ||
            memchr(r->host.at, ':', r->host.len) == NULL)
            return false;
        if (a.len > 0 && a.at[0] != ':')
            return false;
        if (a.len > 0)
            port = (struct proxy_http_slice){a.at + 1, a.len - 1};
    } else if (cut(&a, ':', &r->host)) {
        port = a;
    } else {
        r->host = a;
    }
    if (port.at == NULL)
        return !port_needed && r->host.len > 0;
    return r->host.len > 0 && memchr(port.at, '-', port.len) == NULL &&
           policy_addr_ports(port.at, port.len, &r->port, &high);
}

static bool parse_target(struct proxy_http_slice target,
                         struct proxy_http_request *r,
                         struct proxy_http_problem *p)
{
    static const char scheme[] = "http://";
    const size_t n = sizeof(scheme) - 1;
    struct proxy_http_slice authority;

    if (r->connect) {
        if (!parse_authority(target, true, r))
            return bad(p, 400, "CONNECT wants host:port");
        return true;
    }
    if (target.len <= n || strncasecmp(target.at, scheme, n) != 0)
        return bad(p, 400,
                   "this is a proxy: it wants http://host/path, or CONNECT");
    authority = (struct proxy_http_slice){target.at + n, 0};
    while (authority.len < target.len - n &&
           strchr("/?#", authority.at[authority.len]) == NULL)
        authority.len++;
    r->path = (struct proxy_http_slice){authority.at + authority.len,
                                        target.len - n - authority.len};
    if (memchr(authority.at, '@', authority.len) != NULL ||
        memchr(target.at, '#', target.len) != NULL)
        return bad(p, 400, "no user and no fragment belong into a target");
    if (!parse_authority(authority, false, r))
        return bad(p, 400, "the target names no host");
    return true;
}

static bool parse_request_line(struct proxy_http_slice line,
                               struct proxy_http_request *r,
                               struct proxy_http_problem *p)
{
    struct proxy_http_slice target;

    if (!is_text(line) || !cut(&line, ' ', &r->method) ||
        !is_token(r->method) || !cut(&line, ' ', &target) || target.len == 0 ||
        memchr(target.at, '\t', target.len) != NULL)
        return bad(p, 400, "malformed request line");
    if (line.len != 8 || memcmp(line.at, "HTTP/1.", 7) != 0 ||
        (line.at[7] != '0' && line.at[7] != '1'))
        return bad(p, 505, "only HTTP/1.0 and HTTP/1.1");
    r->old = line.at[7] == '0';
    r->connect = r->method.len == 7 && memcmp(r->method.at, "CONNECT", 7) == 0;
    return parse_target(target, r, p);
}

/* ---- the fields ---- */

struct fields {
    unsigned hosts, lengths, encodings;
};

static bool parse_length(struct proxy_http_slice v, uint64_t *ret)
{
    *ret = 0;
    if (v.len == 0 || v.len > 18)
        return false;
    for (size_t i = 0; i < v.len; i++) {
        if (v.at[i] < '0' || v.at[i] > '9')
            return false;
        *ret = *ret * 10 + (uint64_t)(v.at[i] - '0');
    }
    return true;
}

/* Would a field of this name, dropped as hop-by-hop, change the framing? */
static bool names_framing(struct proxy_http_slice list)
{
    struct proxy_http_slice word;
    bool more = true;

    while (more) {
        more = cut(&list, ',', &word);
        if (!more)
            word = list;
        word = trim(word);
        if (is(word, "content-length") || is(word, "transfer-encoding") ||
            is(word, "host"))
            return true;
    }
    return false;
}

static bool parse_field(struct proxy_http_slice name,
                        struct proxy_http_slice value,
                        struct proxy_http_request *r, struct fields *f,
                        struct proxy_http_problem *p)
{
    if (is(name, "host")) {
        f->hosts++;
    } else if (is(name, "content-length")) {
        f->lengths++;
        r->body = PROXY_HTTP_BODY_LENGTH;
        if (!parse_length(value, &r->body_len))
            return bad(p, 400, "malformed Content-Length");
    } else if (is(name, "transfer-encoding")) {
        f->encodings++;
        r->body = PROXY_HTTP_BODY_CHUNKED;
        if (!is(value, "chunked"))
            return bad(p, 501, "the only transfer encoding is chunked");
    } else if (is(name, "connection") && names_framing(value)) {
        return bad(p, 400, "Connection names a field that frames the message");
    }
    return true;
}

static bool next_line(struct proxy_http_slice *rest,
                      struct proxy_http_slice *ret)
{
    if (!cut(rest, '\n', ret) || ret->len == 0 || ret->at[ret->len - 1] != '\r')
        return false;
    ret->len--;
    return true;
}

static bool parse_fields(struct proxy_http_request *r,
                         struct proxy_http_problem *p)
{
    struct proxy_http_slice rest = r->headers;
    struct proxy_http_slice line;
    struct proxy_http_slice name;
    struct fields f = {0};

    while (rest.len > 0) {
        if (!next_line(&rest, &line) || !is_text(line) ||
            !cut(&line, ':', &name) || !is_token(name))
            return bad(p, 400, "malformed header field");
        if (!parse_field(name, trim(line), r, &f, p))
            return false;
    }
    if (f.hosts > 1 || f.lengths > 1 || f.encodings > 1 ||
        (f.lengths > 0 && f.encodings > 0))
        return bad(p, 400, "contradictory Host, length or encoding");
    if (f.hosts == 0 && !r->old)
        return bad(p, 400, "HTTP/1.1 wants a Host field");
    if (r->old && f.encodings > 0)
        return bad(p, 400, "HTTP/1.0 has no transfer encodings");
    /* Some clients say that it has none: "Content-Length: 0". */
    if (r->connect && (f.encodings > 0 || r->body_len > 0))
        return bad(p, 400, "CONNECT has no body");
    return true;
}

/* ---- the head ---- */

/* Length up to and with the empty line; 0: not there yet. */
static size_t find_end(const char *bytes, size_t len, size_t *scanned)
{
    size_t from = *scanned > 3 ? *scanned - 3 : 0;
    const char *at = NULL;

    if (len > from)
        at = memmem(bytes + from, len - from, "\r\n\r\n", 4);
    *scanned = len;
    return at != NULL ? (size_t)(at - bytes) + 4 : 0;
}

/* A head with one never ends, or ends elsewhere for a laxer reader. */
static bool has_bare_lf(const char *bytes, size_t from, size_t len)
{
    const char *end = bytes + len;
    const char *at = bytes + from;

    while (at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        if (at == bytes || at[-1] != '\r')
            return true;
        at++;
    }
    return false;
}

enum proxy_http_parsed proxy_http_parse(const char *bytes, size_t len,
                                        size_t *scanned,
                                        struct proxy_http_request *ret,
                                        struct proxy_http_problem *ret_problem)
{
    const size_t from = *scanned;
    size_t end = find_end(bytes, len, scanned);
    struct proxy_http_slice rest;
    struct proxy_http_slice line;

    *ret = (struct proxy_http_request){.head_len = end};
    if (end > PROXY_HTTP_HEAD_MAX || (end == 0 && len >= PROXY_HTTP_HEAD_MAX)) {
        (void)bad(ret_problem, 431, "the head is longer than 64 KiB");
        return PROXY_HTTP_BAD;
    }
    if (end == 0) {
        /* A TLS hello or the like never gets to an empty line. */
        if (len == 0 || (is_token((struct proxy_http_slice){bytes, 1}) &&
                         !has_bare_lf(bytes, from, len)))
            return PROXY_HTTP_MORE;
        (void)bad(ret_problem, 400, "not HTTP");
        return PROXY_HTTP_BAD;
    }
    rest = (struct proxy_http_slice){bytes, end - 2};
    if (!next_line(&rest, &line)) {
        (void)bad(ret_problem, 400, "malformed request line");
        return PROXY_HTTP_BAD;
    }
    ret->headers = rest;
    if (!parse_request_line(line, ret, ret_problem) ||
        !parse_fields(ret, ret_problem))
        return PROXY_HTTP_BAD;
    return PROXY_HTTP_DONE;
}

/* ---- rewriting ---- */

static bool is_hop_by_hop(struct proxy_http_slice name)
{
    static const char *const names[] = {
        "host", "connection", "te", "trailer", "upgrade", "keep-alive",
    };

    if (name.len >= 6 && strncasecmp(name.at, "proxy-", 6) == 0)
        return true;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (is(name, names[i]))
            return true;
    return false;
}

/* Is the field named in a Connection field? */
static bool is_named(const struct proxy_http_request *r,
                     struct proxy_http_slice wanted)
{
    struct proxy_http_slice rest = r->headers;
    struct proxy_http_slice line;
    struct proxy_http_slice name;
    struct proxy_http_slice word;

    while (rest.len > 0 && next_line(&rest, &line)) {
        bool more = cut(&line, ':', &name) && is(name, "connection");

        while (more) {
            more = cut(&line, ',', &word);
            word = trim(more ? word : line);
            if (word.len == wanted.len &&
                strncasecmp(word.at, wanted.at, word.len) == 0)
                return true;
        }
    }
    return false;
}

void proxy_http_rewrite(const struct proxy_http_request *r, struct srt_buf *out)
{
    struct proxy_http_slice rest = r->headers;
    struct proxy_http_slice line;
    struct proxy_http_slice name;
    const bool v6 = memchr(r->host.at, ':', r->host.len) != NULL;

    srt_buf_add(out, r->method.at, r->method.len);
    srt_buf_add_str(out, r->path.len > 0 && r->path.at[0] == '/' ? " " : " /");
    srt_buf_add(out, r->path.at, r->path.len);
    srt_buf_addf(out, " HTTP/1.%c\r\nHost: %s", r->old ? '0' : '1',
                 v6 ? "[" : "");
    srt_buf_add(out, r->host.at, r->host.len);
    srt_buf_add_str(out, v6 ? "]" : "");
    if (r->port != HOST_PORT_DEFAULT)
        srt_buf_addf(out, ":%u", (unsigned)r->port);
    srt_buf_add_str(out, "\r\n");
    while (rest.len > 0) {
        struct proxy_http_slice whole;

        if (!next_line(&rest, &line))
            break;
        whole = line;
        if (!cut(&line, ':', &name) || is_hop_by_hop(name) || is_named(r, name))
            continue;
        srt_buf_add(out, whole.at, whole.len);
        srt_buf_add_str(out, "\r\n");
    }
    srt_buf_add_str(out, "Connection: close\r\n\r\n");
}

/* ---- the body ---- */

enum chunk_state {
    SIZE,
    EXTENSION,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_START,
    TRAILER,
    TRAILER_LF,
    LAST_LF,
};

void proxy_http_body_begin(struct proxy_http_body *b,
                           const struct proxy_http_request *r)
{
    *b = (struct proxy_http_body){
        .kind = r->body, .left = r->body_len, .state = SIZE};
    b->done = r->body == PROXY_HTTP_BODY_NONE ||
              (r->body == PROXY_HTTP_BODY_LENGTH && r->body_len == 0);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool take_size(struct proxy_http_body *b, char c)
{
    int v = hex_value(c);

    if (v >= 0) {
        b->left = b->left << 4 | (unsigned)v;
        return ++b->digits <= 15;
    }
    b->state = c == '\r' ? SIZE_LF : EXTENSION;
    return b->digits > 0 && (c == '\r' || c == ';');
}

/* A byte of an extension or a trailer line, ended by CR. */
static bool take_line(struct proxy_http_body *b, char c, enum chunk_state next)
{
    if (c == '\r')
        b->state = (int)next;
    else if (c == '\n' || c == '\0')
        return false;
    return ++b->line_used <= LINES_MAX;
}

static bool take_lf(struct proxy_http_body *b, char c)
{
    static const enum chunk_state next[] = {
        [DATA_LF] = SIZE,
        [TRAILER_LF] = TRAILER_START,
    };

    if (c != '\n')
        return false;
    if (b->state == LAST_LF) {
        b->done = true;
    } else if (b->state == SIZE_LF) {
        b->state = b->left > 0 ? DATA : TRAILER_START;
        b->digits = 0;
    } else {
        b->state = (int)next[b->state];
    }
    return true;
}

static bool take_byte(struct proxy_http_body *b, char c)
{
    switch ((enum chunk_state)b->state) {
    case SIZE:
        return take_size(b, c);
    case EXTENSION:
        return take_line(b, c, SIZE_LF);
    case DATA_CR:
        b->state = DATA_LF;
        return c == '\r';
    case TRAILER_START:
        b->state = TRAILER;
        return take_line(b, c, LAST_LF);
    case TRAILER:
        return take_line(b, c, TRAILER_LF);
    case SIZE_LF:
    case DATA_LF:
    case TRAILER_LF:
    case LAST_LF:
        return take_lf(b, c);
    case DATA:
        break;
    }
    return false;
}

bool proxy_http_body_take(struct proxy_http_body *b, const char *bytes,
                          size_t len, size_t *ret_taken)
{
    size_t at = 0;

    while (at < len && !b->done) {
        if (b->kind == PROXY_HTTP_BODY_LENGTH || b->state == DATA) {
            size_t n = len - at < b->left ? len - at : (size_t)b->left;

            at += n;
            b->left -= n;
            if (b->left > 0)
                continue;
            b->done = b->kind == PROXY_HTTP_BODY_LENGTH;
            b->state = DATA_CR;
        } else if (!take_byte(b, bytes[at++])) {
            return false;
        }
    }
    *ret_taken = at;
    return true;
}
