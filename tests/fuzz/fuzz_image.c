/* A damaged image: refused by policy_image_check(), or every question about
 * it stays inside its bytes.  Input: groups of offset (4 bytes), xor (1) laid
 * over an image made once; a first byte of 0 makes the rest the image. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "policy/suggest.h"
#include "tests/unit/fake_host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char json[] =
    "{\"network\":{\"allowedDomains\":[\"a.test\",\"*.b.test:80-90\",\"*\","
    "\"[2001:db8::1]:22\"],\"deniedDomains\":[\"x.b.test\"],"
    "\"deniedDomainReasons\":{\"x.b.test\":\"no\"},\"allowedAddresses\":["
    "\"10.0.0.0/8\"],\"deniedAddresses\":[\"10.1.0.0/16:5\"],"
    "\"deniedResolvedAddresses\":[\"192.0.2.0/24\"],\"allowUnixSockets\":["
    "\"/run\"]},\"filesystem\":{\"allowWrite\":[\"/w\"],\"denyRead\":[\"**/."
    "env\",\"/w/s\"],\"denyWrite\":[\"/w/*.o\"],\"allowRead\":[\"/w/s/o\"]},"
    "\"ignoreViolations\":{\"*\":[\"/usr\"],\"git\":[\"x\"]}}";

static const struct policy_image *make_image(void)
{
    static struct policy policy;
    static struct policy_settings settings;
    static struct fake_host fake;
    struct policy_host host;
    struct srt_buf diags = {0};

    if (policy.image != NULL)
        return policy.image;
    fake_init(&fake, &host);
    fake_add(&fake, "/w", POLICY_KIND_DIR, "");
    fake_add(&fake, "/w/.bashrc", POLICY_KIND_FILE, "");
    policy_settings_init(&settings);
    if (policy_settings_parse("fuzz", json, strlen(json), &settings, &diags) !=
            SRT_OK ||
        policy_compile(&settings, &host, NULL, &policy, &diags) != SRT_OK)
        abort();
    return policy.image;
}

static void check_decision(struct policy_decision d)
{
    assert(d.verdict == POLICY_ALLOW || d.verdict == POLICY_DENY);
    (void)strlen(d.rule);
    (void)strlen(d.reason);
}

static void ask_everything(const struct policy_image *img)
{
    static const char *const paths[] = {"/", "/w/s/o/x", "/w/a.o", "/w/.env/y",
                                        "/dev/null"};
    static const char *const hosts[] = {"a.test",      "x.b.test", "10.1.1.1",
                                        "2001:db8::1", "..",       "localhost"};
    struct srt_buf hint = {0};
    static struct policy_settings settings;
    static struct policy_change change;
    struct srt_buf patch = {0};

    for (size_t i = 0; i < SRT_ARRAY_LEN(paths); i++) {
        struct policy_decision d = policy_decide_write(img, paths[i]);

        check_decision(d);
        check_decision(policy_decide_read(img, paths[i]));
        check_decision(policy_decide_unix(img, paths[i]));
        policy_suggest(&(struct policy_refused){.image = img,
                                                .settings = &settings,
                                                .kind = POLICY_SUBJECT_WRITE,
                                                .target = paths[i],
                                                .decision = &d},
                       &hint, &change);
        policy_change_print(&change, NULL, &patch);
    }
    for (size_t i = 0; i < SRT_ARRAY_LEN(hosts); i++) {
        struct policy_addr a;

        check_decision(policy_decide_host(img, hosts[i], 85));
        check_decision(policy_decide_resolve(img, hosts[i]));
        if (!policy_addr_parse(hosts[i], strlen(hosts[i]), &a))
            continue;
        check_decision(policy_decide_address(img, a, 5));
        check_decision(policy_decide_denied(img, a, 5));
        check_decision(policy_decide_resolved(img, "a.test", a));
    }
    (void)policy_ignores(img, "git push", "/usr/x");
    srt_buf_release(&hint);
    srt_buf_release(&patch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct policy_image *base = make_image();
    size_t len = policy_image_size(base);
    bool raw = size > 0 && data[0] == 0;
    uint8_t *bytes;
    const struct policy_image *img;

    if (raw)
        len = size - 1;
    bytes = malloc(len != 0 ? len : 1);
    if (bytes == NULL)
        return 0;
    memcpy(bytes, raw ? (const void *)(data + 1) : base, len);
    for (size_t i = 0; !raw && i + 5 <= size; i += 5) {
        uint32_t at = (uint32_t)data[i] << 24 | (uint32_t)data[i + 1] << 16 |
                      (uint32_t)data[i + 2] << 8 | data[i + 3];

        bytes[at % len] ^= data[i + 4];
    }
    img = policy_image_check(bytes, len);
    if (img != NULL)
        ask_everything(img);
    free(bytes);
    return 0;
}
