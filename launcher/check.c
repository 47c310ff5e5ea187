#include "launcher/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/path.h"
#include "launcher/hostfs.h"
#include "launcher/load.h"
#include "policy/compile.h"

enum { VALID = 0, INVALID = 1, USAGE = 125 };

/* Shown of what one entry names. */
enum { PLACES_MAX = 20 };

static const char *remark(const struct policy_place *place)
{
    if (place->kind == POLICY_KIND_ABSENT)
        return ": does not exist, refused by its name only";
    return place->link ? ": a link to such a place" : "";
}

static void print_place(const struct policy_place *place)
{
    char quoted[SRT_LOG_QUOTED_MAX];

    (void)fprintf(stderr, "    %s%s\n",
                  srt_log_quote(place->path, quoted, sizeof(quoted)),
                  remark(place));
}

/* What one entry names: on its line when it is one path, else below it. */
static void print_entry(const struct policy *p, const char *key,
                        const struct policy_text *entry)
{
    const struct policy_place *last = NULL;
    char quoted[SRT_LOG_QUOTED_MAX];
    size_t n = 0;
    size_t shown = 0;

    for (size_t i = 0; i < p->nplaces; i++)
        if (strcmp(p->places[i].rule, entry->pointer) == 0) {
            last = &p->places[i];
            n++;
        }
    (void)fprintf(stderr, "%s %s", key,
                  srt_log_quote(entry->text, quoted, sizeof(quoted)));
    if (n == 1 && strcmp(last->path, entry->text) != 0)
        (void)fprintf(stderr, " -> %s",
                      srt_log_quote(last->path, quoted, sizeof(quoted)));
    (void)fprintf(stderr, " (%s)%s\n", entry->pointer,
                  n == 0   ? ": nothing now"
                  : n == 1 ? remark(last)
                           : "");
    for (size_t i = 0; n > 1 && i < p->nplaces && shown < PLACES_MAX; i++)
        if (strcmp(p->places[i].rule, entry->pointer) == 0) {
            print_place(&p->places[i]);
            shown++;
        }
    if (n > 1 && n > shown)
        (void)fprintf(stderr, "    ... and %zu more\n", n - shown);
}

/* Not to standard output: what is there can be read as a policy again. */
static void print_places(const struct policy *p)
{
    static const struct {
        enum policy_list list;
        const char *key;
    } rows[] = {
        {POLICY_LIST_DENY_READ, "denyRead"},
        {POLICY_LIST_ALLOW_READ, "allowRead"},
        {POLICY_LIST_ALLOW_WRITE, "allowWrite"},
        {POLICY_LIST_DENY_WRITE, "denyWrite"},
    };

    const char *last = "";

    for (size_t k = 0; k < SRT_ARRAY_LEN(rows); k++) {
        const struct policy_texts *list = &p->settings->lists[rows[k].list];

        for (size_t i = 0; i < list->n; i++)
            print_entry(p, rows[k].key, &list->at[i]);
    }
    for (size_t i = 0; i < p->nplaces; i++) {
        const struct policy_place *place = &p->places[i];

        if (strncmp(place->rule, "builtin:", 8) != 0)
            continue;
        if (strcmp(last, place->rule) != 0)
            (void)fprintf(stderr, "protected (%s)\n", place->rule);
        last = place->rule;
        print_place(place);
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

static void help(void)
{
    SRT_AUTO_BUF struct srt_buf b = {0};

    launcher_options_help(&b);
    (void)printf("usage: srt check [--effective] [OPTIONS] [FILE]\n"
                 "Validate FILE, or the policy that srt exec would take; every "
                 "problem is a line.\n"
                 "  --effective                print it in full, and on "
                 "standard error the paths that its\n"
                 "                             entries name now (of each the "
                 "first %d)\n"
                 "OPTIONS are those of srt exec:\n%s",
                 PLACES_MAX, srt_buf_str(&b));
}

/* Take out what only check knows. */
static bool take_effective(char **argv)
{
    char **to = argv;
    bool found = false;

    for (char **from = argv; *from != NULL; from++)
        if (strcmp(*from, "--effective") == 0)
            found = true;
        else
            *to++ = *from;
    *to = NULL;
    return found;
}

/* OPTIONS and FILE in any order. */
static enum srt_rc take_words(char **argv, struct launcher_options *o,
                              struct srt_err *err)
{
    const char *file = NULL;
    enum srt_rc rc = launcher_options_more(argv, o, err);

    while (rc == SRT_OK && *o->command != NULL) {
        if (file != NULL)
            return srt_err_set(err, SRT_E_CONFIG,
                               "'%.100s' and '%.100s': want one FILE; srt "
                               "check --help",
                               file, *o->command);
        file = *o->command;
        rc = launcher_options_more(o->command + 1, o, err);
    }
    if (rc != SRT_OK || file == NULL)
        return rc;
    if (o->policy != NULL)
        return srt_err_set(err, SRT_E_CONFIG,
                           "--policy '%.100s' and '%.100s': want one of the "
                           "two",
                           o->policy, file);
    o->policy = file;
    o->policy_source = "the command line";
    return SRT_OK;
}

int launcher_check_main(char **argv)
{
    SRT_AUTO_BUF struct srt_buf diags = {.max = (size_t)16 << 20};
    struct launcher_options o = {.level = POLICY_LEVEL_FULL};
    bool effective = take_effective(argv);
    struct srt_err err;
    int status = VALID;

    if (take_words(argv, &o, &err) != SRT_OK) {
        srt_log(SRT_LOG_ERROR, "%s", err.msg);
        status = USAGE;
    } else if (o.help) {
        help();
    } else {
        status = judge(&o, effective, &diags);
        (void)fputs(srt_buf_str(&diags), stderr);
    }
    launcher_options_release(&o);
    return status;
}
