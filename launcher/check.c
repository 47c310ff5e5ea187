#include "launcher/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/path.h"
#include "launcher/hostfs.h"
#include "launcher/load.h"
#include "launcher/notes.h"
#include "launcher/own.h"
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

static void print_effective(const struct policy *p)
{
    SRT_AUTO_BUF struct srt_buf text = {.max = (size_t)16 << 20};

    policy_settings_print(p->settings, &text);
    (void)fputs(srt_buf_str(&text), stdout);
    print_places(p);
}

/* What is no error, and yet should be known. */
static void print_notes(const struct policy *p, const struct policy_host *host)
{
    struct launcher_notes n;

    launcher_notes_make(p, host, &n);
    for (size_t i = 0; i < n.nwarnings; i++)
        (void)fprintf(stderr, "note: %s\n", n.warnings[i]);
    /* Those of the links were warnings already. */
    for (size_t i = 0; i < n.nweakenings; i++) {
        bool told = false;

        for (size_t k = 0; k < n.nwarnings; k++)
            told |= n.warnings[k] == n.weakenings[i];
        if (!told)
            (void)fprintf(stderr, "note: %s\n", n.weakenings[i]);
    }
    launcher_notes_release(&n);
}

/* As a run would compile it, srt's own files with it. */
static int judge_settings(const struct launcher_options *o,
                          const struct policy_settings *s, bool effective,
                          struct srt_buf *diags)
{
    struct launcher_own own;
    struct policy_host host;
    struct policy policy;
    char cwd[SRT_PATH_MAX];
    struct srt_err err;
    int status = INVALID;

    if (launcher_load_cwd(o, cwd, sizeof(cwd), &err) != SRT_OK ||
        launcher_own_find(o, s, &own, &err) != SRT_OK) {
        srt_buf_addf(diags, "%s\n", err.msg);
        return INVALID;
    }
    launcher_hostfs_init(&host, getenv("HOME"), cwd); /* NOLINT */
    if (policy_compile(s, &host, own.files, &policy, diags) == SRT_OK) {
        if (effective)
            print_effective(&policy);
        print_notes(&policy, &host);
        policy_release(&policy);
        status = VALID;
    }
    launcher_own_release(&own);
    return status;
}

static int judge(const struct launcher_options *o, bool effective,
                 struct srt_buf *diags)
{
    struct policy_settings s;
    int status;

    if (launcher_load_settings(o, &s, diags) != SRT_OK)
        return INVALID;
    status = judge_settings(o, &s, effective, diags);
    policy_settings_release(&s);
    return status;
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
