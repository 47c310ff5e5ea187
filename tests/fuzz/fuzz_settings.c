/* Settings: accepted, or refused with at least one line that names the file. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "policy/compile.h"
#include "policy/settings.h"
#include "tests/unit/fake_host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct policy_settings s;
    struct srt_buf diags = {0};
    struct fake_host fake;
    struct policy_host host;
    struct policy policy;

    policy_settings_init(&s);
    if (policy_settings_parse("f", (const char *)data, size, &s, &diags) ==
        SRT_OK) {
        for (size_t i = 0; i < POLICY_LISTS; i++)
            for (size_t j = 0; j < s.lists[i].n; j++)
                assert(s.lists[i].at[j].pointer[0] == '/');
    } else {
        assert(diags.len > 4 && memcmp(diags.data, "f:", 2) == 0);
        assert(diags.data[diags.len - 1] == '\n');
    }
    /* Also what is wrong is compiled, to tell all of it. */
    fake_init(&fake, &host);
    if (s.was_read &&
        policy_compile(&s, &host, NULL, &policy, &diags) == SRT_OK)
        policy_release(&policy);
    srt_buf_release(&diags);
    policy_settings_release(&s);
    return 0;
}
