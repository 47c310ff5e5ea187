/* What the proxy itself says to a client of the HTTP listener. */
#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "policy/suggest.h"
#include "proxy/http_parts.h"

/* What the TypeScript tool says in X-Proxy-Error. */
static const char by_allowlist[] = "blocked-by-allowlist";
static const char by_resolved[] = "blocked-by-sandbox-runtime";

static const char *phrase_of(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {
        {400, "Bad Request"},     {403, "Forbidden"},
        {408, "Request Timeout"}, {431, "Request Header Fields Too Large"},
        {501, "Not Implemented"}, {502, "Bad Gateway"},
        {504, "Gateway Timeout"}, {505, "HTTP Version Not Supported"},
    };

    for (size_t i = 0; i < SRT_ARRAY_LEN(phrases); i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return "Error";
}

/* The client's buffer is empty, so it takes this whole. */
static void say(struct proxy_http_exchange *x, int status, const char *marker,
                const char *text)
{
    const struct proxy_http_slice *m = &x->request.method;
    struct srt_buf *b = &x->down.buf;

    srt_buf_clear(b);
    x->down.at = 0;
    srt_buf_addf(b,
                 "HTTP/1.1 %d %s\r\nContent-Type: text/plain; "
                 "charset=utf-8\r\nContent-Length: %zu\r\n"
                 "Connection: close\r\n",
                 status, phrase_of(status), strlen(text) + 1);
    if (marker != NULL)
        srt_buf_addf(b, "X-Proxy-Error: %s\r\n", marker);
    srt_buf_add_str(b, "\r\n");
    if (m->len != 4 || memcmp(m->at, "HEAD", 4) != 0)
        srt_buf_addf(b, "%s\n", text);
    (void)proxy_http_push(&x->down, x->client_fd);
    proxy_http_linger(x);
}

void proxy_http_answer(struct proxy_http_exchange *x, int status,
                       const char *text)
{
    say(x, status, NULL, text);
}

static void add_target(const struct proxy_http_exchange *x, struct srt_buf *b)
{
    const bool v6 = strchr(x->host, ':') != NULL;

    srt_buf_addf(b, "%s%s%s:%u", v6 ? "[" : "", x->host, v6 ? "]" : "",
                 (unsigned)x->request.port);
}

static void answer_refused(struct proxy_http_exchange *x,
                           const struct proxy_reached *r)
{
    SRT_AUTO_BUF struct srt_buf target = {0};
    SRT_AUTO_BUF struct srt_buf text = {0};
    SRT_AUTO_BUF struct srt_buf hint = {0};
    struct policy_change change;

    add_target(x, &target);
    if (r->resolved)
        srt_buf_addf(&text, "Connection to %s blocked: %s (%s)",
                     srt_buf_str(&target), r->decision.reason,
                     r->decision.rule);
    else
        srt_buf_addf(
            &text, "Connection blocked by network allowlist: %s: %s (%s)",
            srt_buf_str(&target), r->decision.reason, r->decision.rule);
    policy_suggest(&(struct policy_refused){.image = x->p->image,
                                            .kind = POLICY_SUBJECT_HOST,
                                            .target = srt_buf_str(&target),
                                            .decision = &r->decision},
                   &hint, &change);
    if (hint.len > 0)
        srt_buf_addf(&text, "\nhint: %s", srt_buf_str(&hint));
    say(x, 403, r->resolved ? by_resolved : by_allowlist, srt_buf_str(&text));
}

static void answer_failed(struct proxy_http_exchange *x, int status,
                          const char *why)
{
    SRT_AUTO_BUF struct srt_buf text = {0};

    add_target(x, &text);
    srt_buf_addf(&text, ": %s", why);
    say(x, status, NULL, srt_buf_str(&text));
}

void proxy_http_answer_reached(struct proxy_http_exchange *x,
                               const struct proxy_reached *r)
{
    switch (r->outcome) {
    case PROXY_REACH_REFUSED:
        answer_refused(x, r);
        break;
    case PROXY_REACH_MALFORMED:
        say(x, 400, by_allowlist, r->decision.reason);
        break;
    case PROXY_REACH_NO_NAME:
        answer_failed(x, 502, "no such host");
        break;
    case PROXY_REACH_NO_ANSWER:
        answer_failed(x, 502, "the name servers did not answer");
        break;
    case PROXY_REACH_FAILED:
        answer_failed(x, r->err == ETIMEDOUT ? 504 : 502, strerror(r->err));
        break;
    case PROXY_REACH_CONNECTED:
    case PROXY_REACH_RESOLVED:
        proxy_http_drop(x);
        break;
    }
}
