/* What stays as it is where writing is allowed: names from which the user's
 * own tools start programs, and srt's own files. */
#include <stdio.h>
#include <string.h>

#include "base/path.h"
#include "policy/compile_parts.h"
#include "policy/protect.h"

static void note_presence(void *ctx, const char *path)
{
    (void)path;
    *(bool *)ctx = true;
}

/* Protect what stands at path, if something does: a dangling symlink, too. */
static void protect_path(struct policy_compiler *c, const char *path,
                         bool only_file, const char *pointer)
{
    struct policy_entry e = {
        .c = c, .list = POLICY_RULE_PROTECT, .pointer = pointer};
    char real[SRT_PATH_MAX];
    enum policy_kind kind;
    bool present;

    if (!c->host->real(c->host->ctx, path, real, sizeof(real), &kind))
        return;
    present = kind != POLICY_KIND_ABSENT;
    if (!present)
        c->host->links(c->host->ctx, path, note_presence, &present);
    if (present && !(only_file && kind == POLICY_KIND_DIR))
        policy_compile_path(&e, path);
}

static size_t first_part(const char *name)
{
    return strcspn(name, "/");
}

/* Rows that begin with this component; NULL: every row. */
static void protect_names(struct policy_compiler *c, const char *dir,
                          const char *first)
{
    for (size_t i = 0; i < policy_protect_count; i++) {
        const struct policy_protect_row *row = &policy_protect_rows[i];
        size_t n = first_part(row->name);
        char path[SRT_PATH_MAX];
        char rule[64];

        if (row->git_config && c->settings->allow_git_config)
            continue;
        if (first != NULL &&
            (strlen(first) != n || strncmp(first, row->name, n) != 0))
            continue;
        if (!srt_path_join(dir, row->name, path, sizeof(path)))
            continue;
        (void)snprintf(rule, sizeof(rule), "builtin:protect/%s", row->name);
        protect_path(c, path, row->only_file,
                     srt_arena_strdup(&c->arena, rule));
    }
}

/* Does a row begin with it?  Asked of every name in the tree: most are done
 * with at their first byte.  What a package manager put there is not searched:
 * it is large, made anew by it, and no tool of the user's starts there. */
static bool is_wanted(const char *name, bool *ret_enter)
{
    if (strcmp(name, "node_modules") == 0)
        *ret_enter = false;
    for (size_t i = 0; i < policy_protect_count; i++) {
        const char *row = policy_protect_rows[i].name;
        size_t n;

        if (row[0] != name[0])
            continue;
        n = first_part(row);
        if (strncmp(name, row, n) == 0 && name[n] == '\0')
            return true;
    }
    return false;
}

static void protect_found(void *ctx, const char *path)
{
    const struct policy_entry *e = ctx;
    char dir[SRT_PATH_MAX];
    const char *name = srt_path_split(path, dir, sizeof(dir));

    if (name != NULL)
        protect_names(e->c, dir, name);
}

/* The pointer of the allowWrite entry that a root comes from. */
static const char *pointer_of(const struct policy_compiler *c, const char *root)
{
    for (size_t i = 0; i < c->nplaces; i++)
        if (c->places[i].list == POLICY_LIST_ALLOW_WRITE &&
            strcmp(c->places[i].path, root) == 0)
            return c->places[i].rule;
    return "/filesystem/allowWrite";
}

/* Directly in the root names are asked for, whether it can be listed or not. */
static void protect_root(struct policy_compiler *c, const char *root)
{
    struct policy_entry e = {
        .c = c, .list = POLICY_RULE_PROTECT, .pointer = pointer_of(c, root)};
    const struct policy_walk to = {&e, protect_found, policy_compile_unlisted};
    unsigned depth = c->settings->search_depth;
    struct srt_err err;

    protect_names(c, root, NULL);
    if (depth > 1 && c->host->search(c->host->ctx, root, depth, is_wanted, &to,
                                     &err) != SRT_OK)
        policy_compile_walk_failed(
            &e,
            err.rc == SRT_E_LIMIT
                ? "a smaller filesystem.mandatoryDenySearchDepth, or an "
                  "allowWrite further down"
                : "one that can be read, or a smaller "
                  "filesystem.mandatoryDenySearchDepth",
            &err);
}

/* srt's own files, where the command could write them.  A link that it could
 * replace chooses the file as well as its bytes do. */
static void protect_own(struct policy_compiler *c,
                        const struct policy_own_file *own)
{
    struct policy_entry e = {
        .c = c, .list = POLICY_RULE_PROTECT, .pointer = own->rule};
    char real[SRT_PATH_MAX];
    enum policy_kind kind;

    if (c->host->real(c->host->ctx, own->path, real, sizeof(real), &kind) &&
        policy_compile_is_root(c, real))
        protect_path(c, own->path, false, own->rule);
    else
        c->host->links(c->host->ctx, own->path, policy_compile_keep_link, &e);
}

void policy_compile_protect(struct policy_compiler *c,
                            const struct policy_own_file *own_files)
{
    if (c->settings->filesystem_disabled)
        return;
    for (size_t i = 0;
         i < c->nroots && c->settings->protect != POLICY_PROTECT_NONE; i++)
        protect_root(c, c->roots[i]);
    for (; own_files != NULL && own_files->path != NULL; own_files++)
        protect_own(c, own_files);
}
