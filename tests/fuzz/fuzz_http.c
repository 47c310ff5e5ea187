/* HTTP heads and bodies: byte by byte gives the same as all at once; what is
 * rewritten parses to the same target. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_body(const struct proxy_http_request *r, const char *bytes,
                       size_t len)
{
    struct proxy_http_body whole;
    struct proxy_http_body pieces;
    size_t taken = 0;
    size_t total = 0;
    bool good;

    proxy_http_body_begin(&whole, r);
    proxy_http_body_begin(&pieces, r);
    good = proxy_http_body_take(&whole, bytes, len, &taken);
    for (size_t i = 0; i < len; i++) {
        size_t one = 0;

        if (!proxy_http_body_take(&pieces, bytes + i, 1, &one)) {
            assert(!good);
            return;
        }
        total += one;
    }
    assert(good && taken == total && whole.done == pieces.done);
    assert(taken <= len);
}

static void check_rewritten(const struct proxy_http_request *r)
{
    struct srt_buf out = {0};

    proxy_http_rewrite(r, &out);
    assert(!out.overflow && out.len > 4);
    assert(memcmp(out.data + out.len - 4, "\r\n\r\n", 4) == 0);
    assert(memchr(out.data, '\0', out.len) == NULL);
    /* One head, and not a byte behind it. */
    assert(memmem(out.data, out.len - 4, "\r\n\r\n", 4) == NULL);
    srt_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    struct proxy_http_request r;
    struct proxy_http_request again;
    struct proxy_http_problem p = {0};
    size_t scanned = 0;
    size_t end = 0;

    if (size == 0)
        return 0;
    if (proxy_http_parse(bytes, size, &scanned, &r, &p) != PROXY_HTTP_DONE)
        return 0;
    assert(r.head_len >= 16 && r.head_len <= size && r.port != 0);
    assert(r.host.len > 0 && r.method.len > 0);
    scanned = 0;
    for (size_t n = 1; n <= r.head_len; n++) {
        enum proxy_http_parsed parsed = proxy_http_parse(bytes, n, &scanned,
                                                         &again, &p);

        if (parsed == PROXY_HTTP_DONE)
            end = n;
        else
            assert(parsed == PROXY_HTTP_MORE && end == 0);
    }
    assert(end == r.head_len && again.port == r.port);
    if (!r.connect)
        check_rewritten(&r);
    check_body(&r, bytes + r.head_len, size - r.head_len);
    return 0;
}
