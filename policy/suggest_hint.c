#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "policy/glob.h"
#include "policy/suggest_parts.h"

/* An option longer than this is no help on a line. */
#define WORD_MAX 120

#define DEFAULT "~/.srt-settings.json"

static bool begins_with(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool policy_suggest_is_plain(const struct policy_advice *a)
{
    if (a->list < POLICY_LIST_ALLOW_UNIX_SOCKETS)
        return true;
    for (const char *s = a->entry; *s != '\0'; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            return false;
    return !policy_glob_is_magic(a->entry, strlen(a->entry));
}

/* Does a shell take it as it is? */
static bool is_word(const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:@%+,-";

    return text[strspn(text, plain)] == '\0';
}

/* As a shell reads it. */
static void add_word(struct srt_buf *out, const char *word)
{
    if (is_word(word[0] == '~' ? word + 1 : word)) {
        srt_buf_add_str(out, word);
        return;
    }
    srt_buf_add_char(out, '\'');
    for (; *word != '\0'; word++)
        if (*word == '\'')
            srt_buf_add_str(out, "'\\''");
        else
            srt_buf_add_char(out, *word);
    srt_buf_add_char(out, '\'');
}

/* "--allow-write /w"; nothing where the option cannot say it, or not well. */
static void add_option(struct srt_buf *out, const struct policy_advice *a)
{
    static const char *const options[POLICY_LISTS] = {
        [POLICY_LIST_ALLOWED_DOMAINS] = "--allow-domain",
        [POLICY_LIST_ALLOWED_ADDRESSES] = "--allow-address",
        [POLICY_LIST_ALLOW_UNIX_SOCKETS] = "--allow-unix-socket",
        [POLICY_LIST_ALLOW_READ] = "--allow-read",
        [POLICY_LIST_ALLOW_WRITE] = "--allow-write",
    };

    if (!policy_suggest_is_plain(a) || strlen(a->entry) > WORD_MAX)
        return;
    srt_buf_addf(out, "%s ", options[a->list]);
    add_word(out, a->entry);
}

/* "option:--deny-read/0" */
static void hint_option(struct srt_buf *hint, const char *pointer)
{
    const char *name = strchr(pointer, ':') + 1;
    const char *slash = strrchr(name, '/');
    int n = slash != NULL ? (int)(slash - name) : (int)strlen(name);
    long i = slash != NULL ? strtol(slash + 1, NULL, 10) : 0;

    srt_buf_addf(hint, "leave out %.*s (number %ld of them)", n, name, i + 1);
}

static bool has_no_file(const struct policy_refused *r)
{
    return r->settings != NULL && r->settings->path == NULL;
}

/* "filesystem.allowWrite", and where that is when no file is there yet. */
static void add_place(struct srt_buf *hint, const struct policy_advice *a)
{
    const char *name = policy_change_list_name(a->list);
    size_t object = strcspn(name, "/");

    srt_buf_addf(hint, " to %.*s.%s%s", (int)object, name, name + object + 1,
                 has_no_file(a->r) ? " in " DEFAULT : "");
}

static void hint_addition(const struct policy_advice *a, struct srt_buf *hint)
{
    SRT_AUTO_BUF struct srt_buf option = {0};
    bool no_file = has_no_file(a->r);

    if (a->nremovals > 0)
        srt_buf_add_str(hint, ", ");
    else
        add_option(&option, a);
    if (no_file)
        srt_buf_add_str(hint, "no policy file: ");
    if (no_file && option.len > 0)
        srt_buf_addf(hint, "%s for this run, or ", srt_buf_str(&option));
    srt_buf_add_str(hint, "add ");
    (void)policy_change_text(hint, a->entry);
    add_place(hint, a);
    if (!no_file && option.len > 0)
        srt_buf_addf(hint, ", or %s for this run", srt_buf_str(&option));
}

void policy_suggest_hint(const struct policy_advice *a, struct srt_buf *hint)
{
    for (size_t i = 0; i < a->nremovals; i++) {
        if (i > 0)
            srt_buf_add_str(hint, ", ");
        if (begins_with(a->removals[i], "option:"))
            hint_option(hint, a->removals[i]);
        else
            srt_buf_addf(hint, "remove the entry %s", a->removals[i]);
    }
    if (a->entry != NULL)
        hint_addition(a, hint);
    if (a->remark != NULL)
        srt_buf_addf(hint, " (%s)", a->remark);
}

void policy_suggest_make_first(const struct policy_refused *r,
                               struct srt_buf *hint)
{
    struct policy_advice a = {.r = r, .list = POLICY_LIST_ALLOW_WRITE};
    SRT_AUTO_BUF struct srt_buf name = {0};
    SRT_AUTO_BUF struct srt_buf option = {0};
    size_t home = r->home != NULL ? strlen(r->home) : 0;

    if (r->deed != POLICY_DEED_MAKES && r->deed != POLICY_DEED_MAKES_DIR) {
        srt_buf_add_str(hint, "a name is made and removed in its directory, "
                              "and allowing that would open all of it: do this "
                              "outside the sandbox");
        return;
    }
    /* A quoted tilde is none. */
    if (home > 1 && srt_path_under(r->target, r->home) &&
        is_word(r->target + home))
        srt_buf_addf(&name, "~%s", r->target + home);
    else
        srt_buf_add_str(&name, r->target);
    a.entry = srt_buf_str(&name);
    srt_buf_add_str(hint, r->deed == POLICY_DEED_MAKES_DIR
                              ? "make it first (mkdir "
                              : "make it first (touch, or mkdir, ");
    add_word(hint, a.entry);
    srt_buf_add_str(hint, "), then allow it: ");
    add_option(&option, &a);
    if (option.len > 0)
        srt_buf_addf(hint, "%s for this run, or ", srt_buf_str(&option));
    srt_buf_add_str(hint, "add ");
    (void)policy_change_text(hint, a.entry);
    add_place(hint, &a);
}
