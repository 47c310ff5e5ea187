/*
 * Path entries -> rules and places.  Every entry is followed to where it
 * really is.  Writable roots come first: a symlink that leads to a denied
 * place matters only where the command could replace it.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/path.h"
#include "policy/compile_parts.h"
#include "policy/glob.h"
#include "policy/layout.h"

bool policy_compile_is_root(const struct policy_compiler *c, const char *path)
{
    for (size_t i = 0; i < c->nroots; i++)
        if (srt_path_under(path, c->roots[i]))
            return true;
    return false;
}

static void add_root(struct policy_compiler *c, const char *path)
{
    if (c->nroots == c->roots_cap) {
        c->roots_cap = c->roots_cap != 0 ? 2 * c->roots_cap : 16;
        c->roots = srt_xreallocarray(c->roots, c->roots_cap,
                                     sizeof(c->roots[0]));
    }
    c->roots[c->nroots++] = path;
}

static void add_place(struct policy_compiler *c, const struct policy_place *p)
{
    if (c->nplaces == c->places_cap) {
        c->places_cap = c->places_cap != 0 ? 2 * c->places_cap : 64;
        c->places = srt_xreallocarray(c->places, c->places_cap,
                                      sizeof(c->places[0]));
    }
    c->places[c->nplaces++] = *p;
}

/* The rule for one real path; returns its copy in the arena. */
static const char *add_rule(struct policy_compiler *c, const char *path,
                            uint32_t list, const char *pointer)
{
    struct policy_build_item item = {
        .key = srt_arena_strdup(&c->arena, path),
        .key_len = strlen(path),
        .pointer = pointer,
        .list = list,
    };

    policy_build_add(&c->build.paths, &item);
    return item.key;
}

static bool is_denial(uint32_t list)
{
    return list == POLICY_LIST_DENY_READ || list == POLICY_LIST_DENY_WRITE ||
           list == POLICY_RULE_PROTECT;
}

void policy_compile_keep_link(void *ctx, const char *path)
{
    struct policy_entry *e = ctx;
    bool protect = e->list == POLICY_RULE_PROTECT;
    struct policy_place place = {
        .rule = e->pointer,
        .list = POLICY_LIST_DENY_WRITE,
        .kind = POLICY_KIND_FILE,
        .protected_name = protect,
        .link = true,
    };

    /* What is srt's own inside leads nowhere else. */
    if (!policy_compile_is_root(e->c, path) ||
        policy_paths_builtin(path) != NULL)
        return;
    place.path = add_rule(
        e->c, path, protect ? POLICY_RULE_PROTECT : POLICY_LIST_DENY_WRITE,
        e->pointer);
    add_place(e->c, &place);
}

static void complain_loop(struct policy_entry *e, const char *path)
{
    char quoted[SRT_LOG_QUOTED_MAX];

    policy_compile_complain(
        e->c, e->pointer,
        "\"%s\" is a loop of symlinks or too long; expected a path that leads "
        "somewhere",
        srt_log_quote(path, quoted, sizeof(quoted)));
}

static void complain_missing(struct policy_entry *e, const char *path)
{
    char quoted[SRT_LOG_QUOTED_MAX];

    policy_compile_complain(
        e->c, e->pointer,
        "\"%s\" does not exist; expected an existing path: make it first, or "
        "allow the directory that holds it",
        srt_log_quote(path, quoted, sizeof(quoted)));
}

/* A denyWrite of what does not exist: nothing can be mounted there, so what
 * there is of its way must stay.  Moved away and back it could bring it. */
static void add_absent(struct policy_entry *e, struct policy_place *place)
{
    const struct policy_host *host = e->c->host;
    enum policy_kind kind = POLICY_KIND_ABSENT;
    char at[SRT_PATH_MAX];
    char parent[SRT_PATH_MAX];
    char real[SRT_PATH_MAX];

    if (!policy_compile_is_root(e->c, place->path))
        return; /* never writable */
    (void)srt_path_clean(place->path, at, sizeof(at));
    while (kind != POLICY_KIND_DIR && strcmp(at, "/") != 0 &&
           srt_path_split(at, parent, sizeof(parent)) != NULL) {
        memcpy(at, parent, sizeof(at));
        if (!host->real(host->ctx, at, real, sizeof(real), &kind))
            return;
    }
    if (policy_compile_is_root(e->c, at))
        place->way = srt_arena_strdup(&e->c->arena, at);
    place->list = POLICY_LIST_DENY_WRITE;
    add_place(e->c, place);
}

static bool is_allowance(uint32_t list)
{
    return list == POLICY_LIST_ALLOW_READ || list == POLICY_LIST_ALLOW_WRITE ||
           list == POLICY_LIST_ALLOW_UNIX_SOCKETS;
}

/* A symlink on the way of an allow entry. */
static void note_link(void *ctx, const char *path)
{
    struct policy_entry *e = ctx;
    struct policy_compiler *c = e->c;

    if (c->nredirects == c->redirects_cap) {
        c->redirects_cap = c->redirects_cap != 0 ? 2 * c->redirects_cap : 16;
        c->redirects = srt_xreallocarray(c->redirects, c->redirects_cap,
                                         sizeof(c->redirects[0]));
    }
    c->redirects[c->nredirects++] = (struct policy_redirect){
        .rule = e->pointer,
        .link = srt_arena_strdup(&c->arena, path),
        .leads_to = srt_arena_strdup(&c->arena, e->real)};
}

/* The links that matter, now that all roots are known. */
static void keep_redirects(struct policy_compiler *c)
{
    size_t n = 0;

    for (size_t i = 0; i < c->nredirects; i++)
        if (policy_compile_is_root(c, c->redirects[i].link))
            c->redirects[n++] = c->redirects[i];
    c->nredirects = n;
}

/* What stands on the way of the entry's path, which leads to e->real. */
static void look_at_links(struct policy_entry *e, const char *path)
{
    const struct policy_host *host = e->c->host;

    if (is_denial(e->list))
        host->links(host->ctx, path, policy_compile_keep_link, e);
    if (is_allowance(e->list))
        host->links(host->ctx, path, note_link, e);
}

void policy_compile_path(struct policy_entry *e, const char *path)
{
    struct policy_compiler *c = e->c;
    char real[SRT_PATH_MAX];
    struct policy_place place = {.rule = e->pointer};
    const char *why;

    if (!c->host->real(c->host->ctx, path, real, sizeof(real), &place.kind)) {
        complain_loop(e, path);
        return;
    }
    if (place.kind == POLICY_KIND_ABSENT &&
        e->list == POLICY_LIST_ALLOW_WRITE) {
        complain_missing(e, path);
        return;
    }
    /* It reveals nothing: what is made there later stays hidden, so no rule
     * may say otherwise. */
    if (place.kind == POLICY_KIND_ABSENT && e->list == POLICY_LIST_ALLOW_READ)
        return;
    if (e->list == POLICY_LIST_DENY_READ && c->host->unsupported != NULL &&
        (why = c->host->unsupported(c->host->ctx, real)) != NULL) {
        policy_compile_complain(c, e->pointer, "%s", why);
        return;
    }
    place.path = add_rule(c, real, e->list, e->pointer);
    e->real = place.path;
    if (e->list == POLICY_LIST_ALLOW_WRITE)
        add_root(c, place.path);
    look_at_links(e, path);
    if (place.kind == POLICY_KIND_ABSENT && e->list == POLICY_LIST_DENY_WRITE)
        add_absent(e, &place);
    if (place.kind == POLICY_KIND_ABSENT ||
        e->list == POLICY_LIST_ALLOW_UNIX_SOCKETS)
        return;
    place.protected_name = e->list == POLICY_RULE_PROTECT;
    place.list = place.protected_name ? POLICY_LIST_DENY_WRITE
                                      : (enum policy_list)e->list;
    add_place(c, &place);
}

static void add_found(void *ctx, const char *path)
{
    policy_compile_path(ctx, path);
}

void policy_compile_walk_failed(struct policy_entry *e, const char *mend,
                                const struct srt_err *err)
{
    policy_compile_complain(e->c, e->pointer, "%s; expected %s", err->msg,
                            mend);
}

/* base/pattern; base is real where it exists. */
static void add_glob(struct policy_entry *e, const char *base,
                     const char *pattern)
{
    struct policy_compiler *c = e->c;
    struct policy_build_item item = {.pointer = e->pointer, .list = e->list};
    const struct policy_walk to = {e, add_found, policy_compile_unlisted};
    char real[SRT_PATH_MAX];
    char quoted[SRT_LOG_QUOTED_MAX];
    enum policy_kind kind;
    struct srt_err err;
    const char *why;

    if (!policy_glob_check(pattern, &why)) {
        policy_compile_complain(
            c, e->pointer, "\"%s\": %s",
            srt_log_quote(e->text->text, quoted, sizeof(quoted)), why);
        return;
    }
    if (!c->host->real(c->host->ctx, base, real, sizeof(real), &kind)) {
        complain_loop(e, base);
        return;
    }
    e->real = srt_arena_strdup(&c->arena, real);
    if (is_denial(e->list)) {
        item.key = e->real;
        item.key_len = strlen(real);
        item.glob = srt_arena_strdup(&c->arena, pattern);
        policy_build_add(&c->build.paths, &item);
    }
    look_at_links(e, base);
    if (kind == POLICY_KIND_DIR &&
        c->host->glob(c->host->ctx, real, pattern, &to, &err) != SRT_OK)
        policy_compile_walk_failed(
            e,
            err.rc == SRT_E_LIMIT
                ? "a glob that begins further down"
                : "one that can be read, or an entry for it as a whole",
            &err);
}

static bool has_tail(const char *s, size_t len, const char *tail)
{
    size_t n = strlen(tail);

    return len >= n && memcmp(s + len - n, tail, n) == 0;
}

/* "dir/", "dir/.", and unless literal "dir/" with two stars: the directory. */
static void drop_tail(char *path, bool literal)
{
    size_t len = strlen(path);

    for (;;) {
        if (has_tail(path, len, "/"))
            len -= 1;
        else if (has_tail(path, len, "/."))
            len -= 2;
        else if (!literal && has_tail(path, len, "/**"))
            len -= 3;
        else
            break;
    }
    if (len == 0)
        path[len++] = '/';
    path[len] = '\0';
}

/* The entry as an absolute path, ".." and symlinks still in it. */
static bool make_absolute(struct policy_entry *e, char *out, size_t size)
{
    const char *text = e->text->text;
    const char *home = e->c->host->home;
    int n;

    if (text[0] == '\0') {
        policy_compile_complain(e->c, e->pointer,
                                "an empty path; expected a path");
        return false;
    }
    if (text[0] == '~' && (text[1] == '\0' || text[1] == '/')) {
        if (home == NULL || home[0] != '/') {
            policy_compile_complain(e->c, e->pointer,
                                    "\"~\" without a home directory; set HOME "
                                    "to an absolute path");
            return false;
        }
        n = snprintf(out, size, "%s%s", home, text + 1);
    } else if (text[0] == '~' && !e->text->literal) {
        policy_compile_complain(e->c, e->pointer,
                                "the home directory of another user; expected "
                                "~/..., or {\"path\": ..., \"literal\": true}");
        return false;
    } else if (text[0] == '/') {
        n = snprintf(out, size, "%s", text);
    } else {
        n = snprintf(out, size, "%s/%s", e->c->host->cwd, text);
    }
    if (n < 0 || (size_t)n >= size) {
        policy_compile_complain(e->c, e->pointer, "the path is too long");
        return false;
    }
    drop_tail(out, e->text->literal);
    return true;
}

/* The byte where the part with wildcards begins, behind the text that home or
 * the working directory contributed (whose names are literal). */
static size_t find_magic(const struct policy_entry *e, const char *path)
{
    const char *text = e->text->text;
    size_t prefix = 0;
    size_t at;

    if (text[0] == '~')
        prefix = strlen(e->c->host->home);
    else if (text[0] != '/')
        prefix = strlen(e->c->host->cwd);
    for (at = prefix; path[at] != '\0'; at++)
        if (policy_glob_is_magic(path + at, 1))
            return at;
    return at;
}

static void add_entry(struct policy_entry *e)
{
    char path[SRT_PATH_MAX];
    bool may_glob = !e->text->literal && (e->list == POLICY_LIST_DENY_READ ||
                                          e->list == POLICY_LIST_ALLOW_READ ||
                                          e->list == POLICY_LIST_DENY_WRITE);
    char real[SRT_PATH_MAX];
    enum policy_kind kind;
    size_t at;

    if (!make_absolute(e, path, sizeof(path)))
        return;
    at = find_magic(e, path);
    if (!may_glob || path[at] == '\0') {
        policy_compile_path(e, path);
        return;
    }
    /* A name that exists as it is written is meant, too. */
    if (e->c->host->real(e->c->host->ctx, path, real, sizeof(real), &kind) &&
        kind != POLICY_KIND_ABSENT)
        policy_compile_path(e, path);
    while (path[at - 1] != '/')
        at--;
    path[at - 1] = '\0';
    add_glob(e, at == 1 ? "/" : path, path + at);
}

static void add_list(struct policy_compiler *c, enum policy_list list)
{
    const struct policy_texts *texts = &c->settings->lists[list];

    for (size_t i = 0; i < texts->n; i++) {
        struct policy_entry e = {.c = c,
                                 .text = &texts->at[i],
                                 .list = list,
                                 .pointer = texts->at[i].pointer};

        add_entry(&e);
    }
}

void policy_compile_paths(struct policy_compiler *c)
{
    add_list(c, POLICY_LIST_ALLOW_UNIX_SOCKETS);
    if (c->settings->filesystem_disabled) {
        c->nredirects = 0; /* everything may be written, links too */
        return;
    }
    add_list(c, POLICY_LIST_ALLOW_WRITE);
    add_list(c, POLICY_LIST_ALLOW_READ);
    add_list(c, POLICY_LIST_DENY_READ);
    add_list(c, POLICY_LIST_DENY_WRITE);
    keep_redirects(c);
}
