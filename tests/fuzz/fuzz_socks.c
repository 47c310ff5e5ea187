/* SOCKS 5: a prefix needs more or is refused alike; what is used was there. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "proxy/socks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proxy_socks_request q;
    enum proxy_socks_reply reply;
    enum proxy_socks_parsed whole;
    size_t used = 0;
    uint8_t method = 1;

    if (size == 0)
        return 0;
    if (proxy_socks_greeting(data, size, &used, &method) == PROXY_SOCKS_DONE) {
        assert(used >= 2 && used <= size && (method == 0 || method == 0xff));
        data += used;
        size -= used;
    }
    whole = proxy_socks_request(data, size, &used, &q, &reply);
    if (whole == PROXY_SOCKS_DONE) {
        assert(used >= 7 && used <= size && used <= PROXY_SOCKS_MAX);
        assert(q.host_len > 0 && q.host_len < sizeof(q.host));
    }
    for (size_t n = 0; n < size; n++) {
        enum proxy_socks_parsed part = proxy_socks_request(data, n, &used, &q,
                                                           &reply);

        if (part != PROXY_SOCKS_MORE)
            assert(part == whole);
    }
    return 0;
}
