/* Addresses and nets: what parses prints as text that parses to the same. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/addr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_address(struct policy_addr a)
{
    char text[POLICY_ADDR_TEXT_MAX];
    struct policy_addr again;
    struct policy_addr meant = policy_addr_meant(a);
    uint8_t bits;

    assert(a.family == 4 || a.family == 6);
    assert(strlen(policy_addr_text(a, text)) < sizeof(text));
    assert(policy_addr_parse(text, strlen(text), &again));
    assert(policy_addr_equal(a, again));
    assert(policy_addr_equal(policy_addr_meant(meant), meant));
    if (policy_addr_class_range(a, &bits) != NULL)
        assert(bits > 0 && policy_addr_class(meant) == policy_addr_class(a));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct policy_addr a;
    struct policy_cidr c;

    if (text == NULL)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    if (policy_addr_parse((const char *)data, size, &a))
        check_address(a);
    if (policy_cidr_parse(text, &c)) {
        assert(c.bits <= (c.net.family == 4 ? 32 : 128));
        assert(c.port_lo <= c.port_hi && (c.port_lo == 0) == (c.port_hi == 0));
        assert(policy_addr_equal(policy_addr_masked(c.net, c.bits), c.net));
        check_address(c.net);
    }
    free(text);
    return 0;
}
