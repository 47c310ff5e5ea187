#include "launcher/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/path.h"
#include "launcher/hostfs.h"
#include "launcher/load.h"
#include "policy/compile.h"
#include "policy/schema.h"

enum { VALID = 0, INVALID = 1, USAGE = 125 };

/* Not to standard output: what is there can be read as a policy again. */
static void print_places(const struct policy *p)
{
    for (size_t i = 0; i < p->nplaces; i++) {
        const struct policy_place *place = &p->places[i];
        char quoted[SRT_LOG_QUOTED_MAX];

        (void)fprintf(
            stderr, "%-10s %s (%s)%s\n", policy_schema_list_key(place->list),
            srt_log_quote(place->path, quoted, sizeof(quoted)), place->rule,
            place->kind == POLICY_KIND_ABSENT
                ? ": does not exist, refused by its name only"
                : "");
    }
}

static int judge(const struct launcher_options *o, bool effective,
                 struct srt_buf *diags)
{
    struct policy_settings s;
    struct policy_host host;
    struct policy policy;
    char cwd[SRT_PATH_MAX];
    struct srt_err err;

    if (launcher_load_settings(o, &s, diags) != SRT_OK)
        return INVALID;
    if (launcher_load_cwd(o, cwd, sizeof(cwd), &err) != SRT_OK) {
        srt_buf_addf(diags, "%s\n", err.msg);
        policy_settings_release(&s);
        return INVALID;
    }
    launcher_hostfs_init(&host, getenv("HOME"), cwd); /* NOLINT */
    if (policy_compile(&s, &host, NULL, &policy, diags) != SRT_OK) {
        policy_settings_release(&s);
        return INVALID;
    }
    if (effective) {
        SRT_AUTO_BUF struct srt_buf text = {.max = (size_t)16 << 20};

        policy_settings_print(&s, &text);
        (void)fputs(srt_buf_str(&text), stdout);
        print_places(&policy);
    }
    policy_release(&policy);
    policy_settings_release(&s);
    return VALID;
}

int launcher_check_main(char **argv)
{
    SRT_AUTO_BUF struct srt_buf diags = {.max = (size_t)16 << 20};
    struct launcher_options o = {0};
    bool effective = false;
    int status;

    for (; *argv != NULL; argv++) {
        if (strcmp(*argv, "--help") == 0 || strcmp(*argv, "-h") == 0) {
            (void)puts("usage: srt check [--effective] [FILE]\n"
                       "Validate FILE, or the policy that srt exec would "
                       "take; every problem is a line.\n"
                       "  --effective   print it in full, with the paths that "
                       "its entries name now");
            return VALID;
        }
        if (strcmp(*argv, "--effective") == 0) {
            effective = true;
        } else if ((*argv)[0] != '-' && o.policy == NULL) {
            o.policy = *argv;
        } else {
            srt_log(SRT_LOG_ERROR, "usage: srt check [--effective] [FILE]");
            return USAGE;
        }
    }
    status = judge(&o, effective, &diags);
    (void)fputs(srt_buf_str(&diags), stderr);
    return status;
}
