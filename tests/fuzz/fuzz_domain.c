/* Hosts and patterns: the canonical form is its own, and clean. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/domain.h"
#include "policy/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_canonical(const char *host)
{
    char again[POLICY_HOST_SIZE];

    assert(strlen(host) > 0 && strlen(host) <= POLICY_NAME_MAX);
    for (const char *s = host; *s != '\0'; s++)
        assert((*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9') ||
               *s == '-' || *s == '_' || *s == '.' || *s == ':');
    assert(policy_host_canonical(host, strlen(host), again, sizeof(again)));
    assert(strcmp(host, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    char host[POLICY_HOST_SIZE];
    struct policy_pattern p;
    const char *why = NULL;

    if (text == NULL)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    if (policy_host_canonical((const char *)data, size, host, sizeof(host)))
        check_canonical(host);
    if (policy_domain_parse(text, &p, &why)) {
        assert(p.port_lo <= p.port_hi && (p.port_lo == 0) == (p.port_hi == 0));
        assert((p.kind == POLICY_PATTERN_ADDRESS) == (p.addr.family != 0));
        assert((p.kind == POLICY_PATTERN_ANY) == (p.name[0] == '\0'));
        if (p.kind != POLICY_PATTERN_ANY)
            check_canonical(p.name);
    } else {
        assert(why != NULL && why[0] != '\0');
    }
    free(text);
    return 0;
}
