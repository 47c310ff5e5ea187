#include "launcher/notes.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/path.h"
#include "launcher/load.h"

enum {
    LINKED_MAX = 16, /* files named one by one; the rest are counted */
    SENTENCE_MAX = 3 * SRT_LOG_QUOTED_MAX,
};

static void push(const char ***list, size_t *n, const char *sentence)
{
    *list = srt_xreallocarray(*list, *n + 2, sizeof((*list)[0]));
    if (sentence != NULL)
        (*list)[(*n)++] = sentence;
    (*list)[*n] = NULL;
}

static const char *SRT_PRINTF(2, 3)
    sentence(struct launcher_notes *n, const char *fmt, ...)
{
    char text[SENTENCE_MAX];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return srt_arena_strdup(&n->arena, text);
}

static bool is_repeated(const struct policy *p, size_t i)
{
    const struct policy_redirect *r = &p->redirects[i];

    for (size_t k = 0; k < i; k++)
        if (strcmp(p->redirects[k].rule, r->rule) == 0 &&
            strcmp(p->redirects[k].link, r->link) == 0)
            return true;
    return false;
}

static void add_redirects(struct launcher_notes *n, const struct policy *p)
{
    char link[SRT_LOG_QUOTED_MAX];
    char leads_to[SRT_LOG_QUOTED_MAX];

    for (size_t i = 0; i < p->nredirects; i++) {
        const struct policy_redirect *r = &p->redirects[i];
        const char *text;

        if (is_repeated(p, i))
            continue;
        text = sentence(
            n,
            "%s: it leads to %s by the symlink %s, which lies in a writable "
            "place: an earlier run could have made it",
            r->rule, srt_log_quote(r->leads_to, leads_to, sizeof(leads_to)),
            srt_log_quote(r->link, link, sizeof(link)));
        push(&n->warnings, &n->nwarnings, text);
        push(&n->weakenings, &n->nweakenings, text);
    }
}

/* The number of names that the place's file has; 0: it is none. */
static unsigned long count_names(const struct policy_place *place)
{
    struct stat st;

    if (place->kind != POLICY_KIND_FILE || place->link ||
        (place->list != POLICY_LIST_DENY_READ &&
         place->list != POLICY_LIST_DENY_WRITE) ||
        lstat(place->path, &st) != 0 || !S_ISREG(st.st_mode))
        return 0;
    return (unsigned long)st.st_nlink;
}

static void add_linked(struct launcher_notes *n, const struct policy *p)
{
    char quoted[SRT_LOG_QUOTED_MAX];
    size_t found = 0;

    for (size_t i = 0; i < p->nplaces; i++) {
        const struct policy_place *place = &p->places[i];
        unsigned long names = count_names(place);

        /* Sorted by path: one place for each file. */
        if (names < 2 ||
            (i > 0 && strcmp(p->places[i - 1].path, place->path) == 0))
            continue;
        if (++found <= LINKED_MAX)
            push(&n->warnings, &n->nwarnings,
                 sentence(n,
                          "%s: %s has %lu hard links: by a name that is not "
                          "covered too it can be reached all the same",
                          place->rule,
                          srt_log_quote(place->path, quoted, sizeof(quoted)),
                          names));
    }
    if (found > LINKED_MAX)
        push(&n->warnings, &n->nwarnings,
             sentence(n,
                      "%zu more files that are denied or protected have more "
                      "than one hard link",
                      found - LINKED_MAX));
}

/* The guard for absent names is not there yet. */
static void add_home_policy(struct launcher_notes *n, const struct policy *p,
                            const struct policy_host *host)
{
    char path[SRT_PATH_MAX];
    char real[SRT_PATH_MAX];
    char quoted[SRT_LOG_QUOTED_MAX];
    enum policy_kind kind;

    if (!launcher_load_home_policy(path, sizeof(path)) ||
        !host->real(host->ctx, path, real, sizeof(real), &kind) ||
        kind != POLICY_KIND_ABSENT ||
        policy_decide_write(p->image, real).verdict == POLICY_DENY)
        return;
    push(&n->weakenings, &n->nweakenings,
         sentence(n,
                  "%s does not exist and its directory is writable: the "
                  "command can make it, and a run without --policy would take "
                  "it",
                  srt_log_quote(path, quoted, sizeof(quoted))));
}

void launcher_notes_make(const struct policy *p, const struct policy_host *host,
                         struct launcher_notes *ret)
{
    *ret = (struct launcher_notes){0};
    push(&ret->warnings, &ret->nwarnings, NULL);
    push(&ret->weakenings, &ret->nweakenings, NULL);
    add_redirects(ret, p);
    add_linked(ret, p);
    add_home_policy(ret, p, host);
}

void launcher_notes_release(struct launcher_notes *n)
{
    srt_free_ptr(&n->warnings);
    srt_free_ptr(&n->weakenings);
    srt_arena_release(&n->arena);
}
