/* oracle POLICY CWD HOME: for each absolute real path on standard input, one
 * line "READ WRITE PLAN" ("allow"/"deny", "allow"/"deny", "masked"/"readonly"/
 * "writable"): what the decision function and the mount plan say of it. */
#include <stdio.h>
#include <string.h>

#include "base/path.h"
#include "launcher/hostfs.h"
#include "launcher/linux/plan.h"
#include "policy/compile.h"

static const char *word(struct policy_decision d)
{
    return d.verdict == POLICY_ALLOW ? "allow" : "deny";
}

int main(int argc, char **argv)
{
    static const char *const access[] = {
        [PLAN_MASKED] = "masked",
        [PLAN_READONLY] = "readonly",
        [PLAN_WRITABLE] = "writable",
    };
    struct policy_settings settings;
    struct policy_host host;
    struct policy policy;
    struct plan plan;
    struct srt_buf diags = {0};
    struct srt_err err;
    char path[SRT_PATH_MAX + 2];

    if (argc != 4)
        return 2;
    policy_settings_init(&settings);
    launcher_hostfs_init(&host, argv[3], argv[2]);
    if (policy_settings_load(argv[1], &settings, &diags) != SRT_OK ||
        policy_compile(&settings, &host, NULL, &policy, &diags) != SRT_OK) {
        (void)fputs(srt_buf_str(&diags), stderr);
        return 1;
    }
    if (plan_make(&policy, &plan, &err) != SRT_OK) {
        (void)fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    while (fgets(path, sizeof(path), stdin) != NULL) {
        path[strcspn(path, "\n")] = '\0';
        (void)printf("%s %s %s\n", word(policy_decide_read(policy.image, path)),
                     word(policy_decide_write(policy.image, path)),
                     access[plan_access_at(&plan, path)]);
    }
    plan_release(&plan);
    policy_release(&policy);
    policy_settings_release(&settings);
    srt_buf_release(&diags);
    return 0;
}
