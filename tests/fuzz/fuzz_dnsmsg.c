/* DNS: what is parsed is answered within bounds, and the answer of a name server
 * (the second half of the input) is copied or refused. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "proxy/dnsmsg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_answer(const struct proxy_dnsmsg_query *q,
                         const uint8_t *upstream, size_t len, size_t cap)
{
    static uint8_t out[PROXY_DNSMSG_MAX];
    struct proxy_dnsmsg_answer a;
    size_t n;

    proxy_dnsmsg_begin(&a, q, PROXY_DNSMSG_NOERROR, out, cap);
    if (!proxy_dnsmsg_copy(&a, q, upstream, len, 60))
        proxy_dnsmsg_begin(&a, q, PROXY_DNSMSG_SERVFAIL, out, cap);
    proxy_dnsmsg_add_ptr(&a, 1, q->name);
    n = proxy_dnsmsg_end(&a, q, PROXY_DNSMSG_EDE_FILTERED, "no");
    assert(n <= cap && n >= 12);
    assert(out[0] == q->id >> 8 && out[1] == (q->id & 0xff));
    assert((out[2] & 0x80) != 0);
    assert(memcmp(out + 12, q->question, q->question_len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proxy_dnsmsg_query q;
    enum proxy_dnsmsg_rcode rcode;
    struct policy_addr addr;
    size_t half = size / 2;

    if (size == 0)
        return 0;
    if (proxy_dnsmsg_parse(data, size, &q, &rcode) == PROXY_DNSMSG_OK ||
        proxy_dnsmsg_parse(data, half, &q, &rcode) == PROXY_DNSMSG_OK) {
        assert(strlen(q.name) < PROXY_DNSMSG_NAME);
        assert(q.udp_size >= PROXY_DNSMSG_UDP_MIN &&
               q.udp_size <= PROXY_DNSMSG_UDP_MAX);
        assert(q.question_len >= 5 && q.question_len <= sizeof(q.question));
        check_answer(&q, data + half, size - half, q.udp_size);
        check_answer(&q, data, size, PROXY_DNSMSG_MAX);
        if (proxy_dnsmsg_reverse(q.name, &addr))
            assert(addr.family == 4 || addr.family == 6);
    }
    return 0;
}
