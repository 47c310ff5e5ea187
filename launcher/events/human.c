#include "launcher/events/human.h"

#include <string.h>

#include "launcher/events/names.h"
#include "launcher/events/shown.h"
#include "launcher/events/store.h"

/* Shown of one string on one line. */
#define SHOWN_MAX 1024u

#define RED    "\033[1;31m"
#define YELLOW "\033[33m"
#define BOLD   "\033[1m"
#define DIM    "\033[2m"
#define RESET  "\033[0m"

static void add_shown(struct srt_buf *b, const char *s, unsigned how)
{
    size_t len = strlen(s);
    size_t cut = events_shown_cut(s, len, SHOWN_MAX);

    events_shown_add(b, s, cut, how);
    if (cut < len)
        srt_buf_add_str(b, "...");
}

static void colour(struct srt_buf *b, unsigned how, const char *code)
{
    if ((how & EVENTS_HUMAN_COLOUR) != 0)
        srt_buf_add_str(b, code);
}

void events_human_who(struct srt_buf *b, const struct events_process *p)
{
    const char *name = p->exe;
    const char *slash;

    if (name[0] == '\0' && p->argv_len > 0)
        name = p->argv;
    slash = strrchr(name, '/');
    if (slash != NULL)
        name = slash + 1;
    if (name[0] == '\0' && p->pid <= 0)
        return;
    add_shown(b, name[0] != '\0' ? name : "?", EVENTS_SHOWN_QUOTE);
    if (p->pid > 0)
        srt_buf_addf(b, "[%ld]", (long)p->pid);
}

/* "denied write  TARGET  WHO  "; `shown` is how strings are. */
static void add_deed(struct srt_buf *b, const struct events_fold_key *k,
                     bool allowed, const char *who, unsigned how,
                     unsigned shown)
{
    colour(b, how, k->probe || allowed ? YELLOW : RED);
    srt_buf_add_str(b, allowed ? "failed" : k->probe ? "probed" : "denied");
    colour(b, how, RESET);
    srt_buf_addf(b, " %-5s  ", events_names_verb(k->op));
    colour(b, how, BOLD);
    add_shown(b, k->target, EVENTS_SHOWN_QUOTE | shown);
    if (k->target2 != NULL && k->target2[0] != '\0') {
        srt_buf_add_str(b, " -> ");
        add_shown(b, k->target2, EVENTS_SHOWN_QUOTE | shown);
    }
    colour(b, how, RESET);
    if (who[0] != '\0') {
        srt_buf_add_str(b, "  ");
        add_shown(b, who, shown);
    }
    srt_buf_add_str(b, "  ");
}

static void add_rule(struct srt_buf *b, const char *rule, unsigned how,
                     unsigned shown)
{
    srt_buf_add_str(b, " ");
    colour(b, how, DIM);
    srt_buf_add_char(b, '(');
    add_shown(b, rule, shown);
    srt_buf_add_char(b, ')');
    colour(b, how, RESET);
}

static void add_violation(struct srt_buf *b, const struct events_violation *v,
                          const char *who, unsigned how, unsigned shown)
{
    struct events_fold_key k = {.op = v->op,
                                .probe = v->probe,
                                .target = v->target,
                                .target2 = v->target2,
                                .rule = v->rule};

    add_deed(b, &k, v->allowed, who, how, shown);
    add_shown(b, v->allowed ? EVENTS_ALLOWED_TEXT : v->reason, shown);
    if (v->uncertain)
        srt_buf_add_str(b, "; uncertain");
    add_rule(b, v->rule, how, shown);
    if (v->hint != NULL && v->hint[0] != '\0') {
        srt_buf_add_str(b, "; ");
        add_shown(b, v->hint, shown);
    }
}

void events_human_violation(struct srt_buf *b, const struct events_violation *v,
                            const char *who, unsigned how)
{
    srt_buf_add_str(b, "srt: ");
    add_violation(b, v, who, how, 0);
}

void events_human_repeat(struct srt_buf *b, const struct events_folded *f,
                         unsigned how)
{
    srt_buf_add_str(b, "srt: ");
    add_deed(b, f->key, false, f->who, how, 0);
    srt_buf_addf(b, f->count == 1 ? "once more" : "%llu times more",
                 (unsigned long long)f->count);
    add_rule(b, f->key->rule, how, 0);
}

void events_human_note(struct srt_buf *b, const struct events_violation *v,
                       const char *who)
{
    add_violation(b, v, who, 0, EVENTS_SHOWN_TAGS);
}
