/*
 * HTTP/1.1 requests to a proxy, RFC 9112: strict, so that no server behind us
 * can read another request than we judged.  Allocates nothing.
 */
#ifndef SRT_PROXY_HTTP_H
#define SRT_PROXY_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define PROXY_HTTP_HEAD_MAX 65536u

struct proxy_http_slice {
    const char *at; /* in the caller's bytes */
    size_t len;
};

enum proxy_http_body_kind {
    PROXY_HTTP_BODY_NONE,
    PROXY_HTTP_BODY_LENGTH,
    PROXY_HTTP_BODY_CHUNKED,
};

struct proxy_http_request {
    struct proxy_http_slice method;
    struct proxy_http_slice host;    /* without brackets */
    struct proxy_http_slice path;    /* origin form; "" means "/" */
    struct proxy_http_slice headers; /* whole lines, CRLF after each */
    uint16_t port;                   /* 1..65535 */
    bool connect;
    bool old; /* HTTP/1.0 */
    enum proxy_http_body_kind body;
    uint64_t body_len; /* LENGTH */
    size_t head_len;   /* bytes, the empty line included */
};

/* What is wrong with a request, for the answer. */
struct proxy_http_problem {
    int status; /* 400, 431, 501, 505 */
    const char *text;
};

enum proxy_http_parsed { PROXY_HTTP_MORE, PROXY_HTTP_DONE, PROXY_HTTP_BAD };

/* `scanned`: bytes in which an earlier call found no end; updated. */
enum proxy_http_parsed proxy_http_parse(const char *bytes, size_t len,
                                        size_t *scanned,
                                        struct proxy_http_request *ret,
                                        struct proxy_http_problem *ret_problem);

/* The head for the origin server: origin form, Host of the target, hop-by-hop
 * fields dropped (RFC 9110 7.6.1), "Connection: close". */
void proxy_http_rewrite(const struct proxy_http_request *r,
                        struct srt_buf *out);

/* The body's framing, byte by byte. */
struct proxy_http_body {
    enum proxy_http_body_kind kind;
    int state;
    uint64_t left;    /* of the body or the chunk */
    unsigned digits;  /* of the chunk size */
    size_t line_used; /* bytes of extensions and trailers */
    bool done;
};

void proxy_http_body_begin(struct proxy_http_body *b,
                           const struct proxy_http_request *r);
/* How many of the bytes belong to the body (all may be passed on); b->done when
 * it is complete.  False: malformed. */
bool proxy_http_body_take(struct proxy_http_body *b, const char *bytes,
                          size_t len, size_t *ret_taken);

#endif
