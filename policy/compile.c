#include "policy/compile.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "policy/build.h"
#include "policy/compile_parts.h"

/* The entry of a list that a pointer names, or NULL. */
static const struct policy_text *find_text(const struct policy_settings *s,
                                           const char *pointer)
{
    for (size_t i = 0; i < POLICY_LISTS; i++)
        for (size_t j = 0; j < s->lists[i].n; j++)
            if (strcmp(s->lists[i].at[j].pointer, pointer) == 0)
                return &s->lists[i].at[j];
    return NULL;
}

void policy_compile_complain(struct policy_compiler *c, const char *pointer,
                             const char *fmt, ...)
{
    const struct policy_text *t = find_text(c->settings, pointer);
    const char *file = c->settings->path;
    va_list ap;
    char text[2 * SRT_LOG_QUOTED_MAX];

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    srt_buf_add_str(c->diags,
                    file != NULL && strncmp(pointer, "option:", 7) != 0
                        ? file
                        : "command line");
    if (t != NULL && t->line != 0)
        srt_buf_addf(c->diags, ":%u:%u", t->line, t->col);
    srt_buf_addf(c->diags, ": %s: %s\n", pointer, text);
    c->problems++;
}

/* A pointer of the file, not of an option. */
static bool is_of_file(const struct policy_text *t)
{
    return t->pointer[0] == '/';
}

/* The path lists come last in enum policy_list, but for the environment's. */
static bool is_network(enum policy_list list)
{
    return list <= POLICY_LIST_ALLOW_UNIX_SOCKETS;
}

static bool is_filesystem(enum policy_list list)
{
    return list >= POLICY_LIST_DENY_READ && list <= POLICY_LIST_DENY_WRITE;
}

/* Does the file have this object?  What it has without any effect is not
 * always known: writing an empty object over that changes nothing. */
static bool has_object(const struct policy_settings *s, const char *prefix)
{
    for (size_t i = 0; i < s->no_meaning.n; i++)
        if (strncmp(s->no_meaning.at[i].pointer, prefix, strlen(prefix)) == 0)
            return true;
    return false;
}

static void note_objects(struct policy_compiler *c)
{
    const struct policy_settings *s = c->settings;
    bool network = s->allow_all_unix_sockets ||
                   s->proxy_env != POLICY_PROXY_ENV_AUTO ||
                   has_object(s, "/network/");
    bool filesystem = s->allow_git_config || s->filesystem_disabled ||
                      s->tmp != POLICY_TMP_AUTO ||
                      s->protect != POLICY_PROTECT_DEFAULT ||
                      s->depth_in_filesystem || has_object(s, "/filesystem/");

    for (int list = 0; list < POLICY_LISTS; list++) {
        bool any = false;

        for (size_t i = 0; i < s->lists[list].n; i++)
            any |= is_of_file(&s->lists[list].at[i]);
        if (!any)
            continue;
        c->build.has_list |= 1u << list;
        network |= is_network((enum policy_list)list);
        filesystem |= is_filesystem((enum policy_list)list);
    }
    if (network)
        c->build.flags |= POLICY_IMAGE_HAS_NETWORK;
    if (filesystem)
        c->build.flags |= POLICY_IMAGE_HAS_FILESYSTEM;
    if (s->filesystem_disabled)
        c->build.flags |= POLICY_IMAGE_NO_FILE_RULES;
    if (s->allow_all_unix_sockets)
        c->build.flags |= POLICY_IMAGE_ALL_UNIX;
}

/* By path, then list; links and protected names after what the lists say. */
static int compare_places(const void *pa, const void *pb)
{
    const struct policy_place *a = pa;
    const struct policy_place *b = pb;
    int order = strcmp(a->path, b->path);

    if (order == 0)
        order = (a->list > b->list) - (a->list < b->list);
    if (order == 0)
        order = a->protected_name - b->protected_name;
    return order != 0 ? order : a->link - b->link;
}

static bool same_place(const struct policy_place *a,
                       const struct policy_place *b)
{
    return strcmp(a->path, b->path) == 0 && a->list == b->list &&
           a->protected_name == b->protected_name && a->link == b->link;
}

static void sort_places(struct policy_compiler *c)
{
    size_t n = 0;

    if (c->nplaces > 1)
        qsort(c->places, c->nplaces, sizeof(c->places[0]), compare_places);
    for (size_t i = 0; i < c->nplaces; i++)
        if (n == 0 || !same_place(&c->places[n - 1], &c->places[i]))
            c->places[n++] = c->places[i];
    c->nplaces = n;
}

enum srt_rc policy_compile(const struct policy_settings *s,
                           const struct policy_host *host,
                           const struct policy_own_file *own_files,
                           struct policy *ret, struct srt_buf *diags)
{
    struct policy_compiler c = {.settings = s, .host = host, .diags = diags};
    struct policy_image *image = NULL;
    struct srt_err err;
    enum srt_rc rc = SRT_E_CONFIG;

    c.build.ignore = &s->ignore;
    note_objects(&c);
    policy_compile_hosts(&c);
    policy_compile_paths(&c);
    policy_compile_protect(&c, own_files);
    policy_compile_judge_unlisted(&c);
    sort_places(&c);
    if (c.problems == 0) {
        rc = policy_build_image(&c.build, &image, &err);
        if (rc != SRT_OK)
            srt_buf_addf(diags, "%s\n", err.msg);
    }
    policy_build_release(&c.build);
    free(c.roots);
    free(c.unlisted);
    if (rc != SRT_OK) {
        free(c.places);
        free(c.redirects);
        srt_arena_release(&c.arena);
        return rc;
    }
    *ret = (struct policy){
        .settings = s,
        .image = image,
        .places = c.places,
        .nplaces = c.nplaces,
        .redirects = c.redirects,
        .nredirects = c.nredirects,
        .arena = c.arena,
    };
    return SRT_OK;
}

void policy_release(struct policy *p)
{
    free(p->image);
    free(p->places);
    free(p->redirects);
    srt_arena_release(&p->arena);
    *p = (struct policy){0};
}
