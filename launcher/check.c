#include "launcher/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/macros.h"
#include "base/path.h"
#include "launcher/load.h"
#include "launcher/notes.h"
#include "policy/compile.h"
#include "policy/schema.h"

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
    static const enum policy_list lists[] = {
        POLICY_LIST_DENY_READ, POLICY_LIST_ALLOW_READ, POLICY_LIST_ALLOW_WRITE,
        POLICY_LIST_DENY_WRITE};

    const char *last = "";

    for (size_t k = 0; k < SRT_ARRAY_LEN(lists); k++) {
        const struct policy_texts *list = &p->settings->lists[lists[k]];

        for (size_t i = 0; i < list->n; i++)
            print_entry(p, policy_schema_list_key(lists[k]), &list->at[i]);
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

/* As a run would have it. */
static int judge(const struct launcher_options *o, bool effective,
                 struct srt_buf *diags)
{
    static struct launcher_loaded l;
    int status = INVALID;

    if (launcher_load(o, &l, diags) == SRT_OK) {
        if (effective)
            print_effective(&l.policy);
        print_notes(&l.policy, &l.host);
        status = VALID;
    }
    launcher_loaded_release(&l);
    return status;
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
