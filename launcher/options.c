#include "launcher/options.h"

#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/macros.h"
#include "base/num.h"

struct row;
typedef enum srt_rc set_fn(struct launcher_options *o, const struct row *row,
                           const char *value, struct srt_err *err);

/* One row an option: adding one cannot disturb the others, and --help is
 * printed from the same rows. */
struct row {
    const char *name;
    const char *short_name; /* or NULL */
    const char *value_name; /* NULL: takes no value */
    set_fn *set;
    size_t offset;    /* of the member that set_flag, set_text write */
    int list;         /* enum policy_list, for set_added */
    const char *help; /* NULL: an alias, not shown */
};

static enum srt_rc set_flag(struct launcher_options *o, const struct row *row,
                            const char *value, struct srt_err *err)
{
    bool yes = true;

    (void)value;
    (void)err;
    memcpy((char *)o + row->offset, &yes, sizeof(yes));
    return SRT_OK;
}

static enum srt_rc set_text(struct launcher_options *o, const struct row *row,
                            const char *value, struct srt_err *err)
{
    if (value[0] == '\0')
        return srt_err_set(err, SRT_E_CONFIG, "%s: the value is empty",
                           row->name);
    memcpy((char *)o + row->offset, &value, sizeof(value));
    return SRT_OK;
}

static enum srt_rc push(const char **list, size_t *n, const struct row *row,
                        const char *value, struct srt_err *err)
{
    if (*n == LAUNCHER_OPTIONS_MAX_LIST)
        return srt_err_set(err, SRT_E_LIMIT, "%s: given more than %d times",
                           row->name, LAUNCHER_OPTIONS_MAX_LIST);
    list[(*n)++] = value;
    return SRT_OK;
}

static enum srt_rc set_events(struct launcher_options *o, const struct row *row,
                              const char *value, struct srt_err *err)
{
    return push(o->events, &o->nevents, row, value, err);
}

static enum srt_rc set_setenv(struct launcher_options *o, const struct row *row,
                              const char *value, struct srt_err *err)
{
    if (value[0] == '=' || strchr(value, '=') == NULL)
        return srt_err_set(err, SRT_E_CONFIG, "%s '%s': want NAME=VALUE",
                           row->name, value);
    return push(o->setenv, &o->nsetenv, row, value, err);
}

static enum srt_rc set_unsetenv(struct launcher_options *o,
                                const struct row *row, const char *value,
                                struct srt_err *err)
{
    if (value[0] == '\0' || strchr(value, '=') != NULL)
        return srt_err_set(err, SRT_E_CONFIG, "%s '%s': want a NAME", row->name,
                           value);
    return push(o->unsetenv, &o->nunsetenv, row, value, err);
}

static enum srt_rc set_pass_fd(struct launcher_options *o,
                               const struct row *row, const char *value,
                               struct srt_err *err)
{
    int fd;

    if (!srt_num_fd(value, 3, &fd))
        return srt_err_set(err, SRT_E_CONFIG,
                           "%s '%s': want a descriptor number >= 3", row->name,
                           value);
    if (o->npass_fds == LAUNCHER_OPTIONS_MAX_LIST)
        return srt_err_set(err, SRT_E_LIMIT, "%s: given more than %d times",
                           row->name, LAUNCHER_OPTIONS_MAX_LIST);
    o->pass_fds[o->npass_fds++] = fd;
    return SRT_OK;
}

static enum srt_rc set_level(struct launcher_options *o, const struct row *row,
                             const char *value, struct srt_err *err)
{
    for (size_t i = 0; policy_level_words[i] != NULL; i++) {
        if (strcmp(value, policy_level_words[i]) != 0)
            continue;
        if (i == POLICY_LEVEL_LANDLOCK)
            return srt_err_set(err, SRT_E_UNSUP,
                               "%s landlock: not supported yet; want full or "
                               "preload",
                               row->name);
        o->level_given = true;
        o->level = (enum policy_level)i;
        return SRT_OK;
    }
    return srt_err_set(err, SRT_E_CONFIG, "%s '%s': want full or preload",
                       row->name, value);
}

static enum srt_rc set_added(struct launcher_options *o, const struct row *row,
                             const char *value, struct srt_err *err)
{
    if (o->nadded == LAUNCHER_OPTIONS_MAX_ADDED)
        return srt_err_set(err, SRT_E_LIMIT, "%s: too many", row->name);
    o->added = srt_xreallocarray(o->added, o->nadded + 1, sizeof(o->added[0]));
    o->added[o->nadded++] = (struct launcher_added){
        .list = (enum policy_list)row->list,
        .option = row->name,
        .value = value};
    return SRT_OK;
}

static enum srt_rc refuse_unsupported(struct launcher_options *o,
                                      const struct row *row, const char *value,
                                      struct srt_err *err)
{
    (void)o;
    (void)value;
    return srt_err_set(err, SRT_E_UNSUP, "%s: not supported yet", row->name);
}

#define FLAG(member) set_flag, offsetof(struct launcher_options, member), 0
#define TEXT(member) set_text, offsetof(struct launcher_options, member), 0
#define ADDED(list)  set_added, 0, list

static const struct row rows[] = {
    {"--policy", "-p", "FILE", TEXT(policy), "the policy to use"},
    {"--settings", "-s", "FILE", TEXT(policy), NULL},
    {"--command", "-c", "STRING", TEXT(shell),
     "run STRING by $SHELL -c (/bin/sh if unset)"},
    {"--cwd", NULL, "DIR", TEXT(cwd), "the command's working directory"},
    {"--events", NULL, "DEST", set_events, 0, 0,
     "-, FILE, fd:N or unix:PATH; may be repeated"},
    {"--level", NULL, "LEVEL", set_level, 0, 0,
     "exactly this enforcement level: full or preload"},
    {"--annotate", NULL, NULL, FLAG(annotate),
     "append a <sandbox_violations> block to stderr at exit"},
    {"--quiet", NULL, NULL, FLAG(quiet), "no human lines, no summary"},
    {"--verbose", "-v", NULL, FLAG(verbose), "human lines always, probes too"},
    {"--debug", "-d", NULL, FLAG(debug),
     "say how the run begins: policy, level, plan"},
    {"--pass-fd", NULL, "N", set_pass_fd, 0, 0,
     "descriptor N (>= 3) is open inside too; may be repeated"},
    {"--setenv", NULL, "NAME=VALUE", set_setenv, 0, 0, "set a variable inside"},
    {"--unsetenv", NULL, "NAME", set_unsetenv, 0, 0,
     "remove a variable inside"},
    {"--allow-write", NULL, "PATH", ADDED(POLICY_LIST_ALLOW_WRITE),
     "add to filesystem.allowWrite"},
    {"--deny-write", NULL, "PATH", ADDED(POLICY_LIST_DENY_WRITE),
     "add to filesystem.denyWrite"},
    {"--allow-read", NULL, "PATH", ADDED(POLICY_LIST_ALLOW_READ),
     "add to filesystem.allowRead"},
    {"--deny-read", NULL, "PATH", ADDED(POLICY_LIST_DENY_READ),
     "add to filesystem.denyRead"},
    {"--allow-domain", NULL, "PATTERN", ADDED(POLICY_LIST_ALLOWED_DOMAINS),
     "add to network.allowedDomains"},
    {"--deny-domain", NULL, "PATTERN", ADDED(POLICY_LIST_DENIED_DOMAINS),
     "add to network.deniedDomains"},
    {"--allow-address", NULL, "CIDR", ADDED(POLICY_LIST_ALLOWED_ADDRESSES),
     "add to network.allowedAddresses"},
    {"--deny-address", NULL, "CIDR", ADDED(POLICY_LIST_DENIED_ADDRESSES),
     "add to network.deniedAddresses"},
    {"--allow-unix-socket", NULL, "PATH", ADDED(POLICY_LIST_ALLOW_UNIX_SOCKETS),
     "add to network.allowUnixSockets"},
    {"--allow-local-port", NULL, "PORT", refuse_unsupported, 0, 0,
     "not supported yet"},
    {"--control-fd", NULL, "N", refuse_unsupported, 0, 0, "not supported yet"},
    {"--trace", NULL, NULL, refuse_unsupported, 0, 0, "not supported yet"},
    {"--trace=all", NULL, NULL, refuse_unsupported, 0, 0, NULL},
    {"--version", "-V", NULL, FLAG(version), "print the version"},
    {"--help", "-h", NULL, FLAG(help), "print this"},
};

/* The row for a word, and its value when written --name=value. */
static const struct row *find_row(const char *word, const char **ret_value)
{
    *ret_value = NULL;
    for (size_t i = 0; i < SRT_ARRAY_LEN(rows); i++) {
        const struct row *r = &rows[i];
        size_t n = strlen(r->name);

        if (strcmp(word, r->name) == 0 ||
            (r->short_name != NULL && strcmp(word, r->short_name) == 0))
            return r;
        if (r->value_name != NULL && strncmp(word, r->name, n) == 0 &&
            word[n] == '=') {
            *ret_value = word + n + 1;
            return r;
        }
    }
    return NULL;
}

/* How many characters two words share at their beginning. */
static size_t common_prefix(const char *a, const char *b)
{
    size_t n = 0;

    while (a[n] != '\0' && a[n] == b[n])
        n++;
    return n;
}

static enum srt_rc unknown_option(const char *word, struct srt_err *err)
{
    char quoted[SRT_LOG_QUOTED_MAX];
    const char *nearest = NULL;
    size_t best = 3;

    for (size_t i = 0; i < SRT_ARRAY_LEN(rows); i++)
        if (common_prefix(word, rows[i].name) > best) {
            best = common_prefix(word, rows[i].name);
            nearest = rows[i].name;
        }
    srt_log_quote(word, quoted, sizeof(quoted));
    if (nearest != NULL)
        return srt_err_set(err, SRT_E_CONFIG,
                           "unknown option '%s'; did you mean %s?", quoted,
                           nearest);
    return srt_err_set(err, SRT_E_CONFIG,
                       "unknown option '%s'; srt exec --help lists them",
                       quoted);
}

/* The value of an option that wants one: behind "=", or the next word. */
static enum srt_rc set_option(char ***at, struct launcher_options *o,
                              const struct row *row, const char *value,
                              struct srt_err *err)
{
    if (row->value_name != NULL && value == NULL) {
        if (**at == NULL)
            return srt_err_set(err, SRT_E_CONFIG, "%s: want a value: %s",
                               row->name, row->value_name);
        value = *(*at)++;
    }
    return row->set(o, row, value, err);
}

/* "-dc": several short options, the last of which may want a value. */
static enum srt_rc take_cluster(char ***at, struct launcher_options *o,
                                struct srt_err *err)
{
    const char *word = *(*at)++;

    for (const char *c = word + 1; *c != '\0'; c++) {
        const char name[] = {'-', *c, '\0'};
        const char *value;
        const struct row *row = find_row(name, &value);
        enum srt_rc rc;

        if (row == NULL)
            return unknown_option(word, err);
        if (row->value_name != NULL && c[1] != '\0')
            return srt_err_set(err, SRT_E_CONFIG,
                               "%s: -%c wants a value: %s; write it last, and "
                               "its value as a word of its own",
                               word, *c, row->value_name);
        rc = set_option(at, o, row, NULL, err);
        if (rc != SRT_OK)
            return rc;
    }
    return SRT_OK;
}

static enum srt_rc take_option(char ***at, struct launcher_options *o,
                               struct srt_err *err)
{
    const char *value;
    const struct row *row = find_row(**at, &value);

    if (row == NULL && (**at)[1] != '-')
        return take_cluster(at, o, err);
    if (row == NULL)
        return unknown_option(**at, err);
    (*at)++;
    return set_option(at, o, row, value, err);
}

enum srt_rc launcher_options_more(char **argv, struct launcher_options *o,
                                  struct srt_err *err)
{
    char **at = argv;

    while (*at != NULL && (*at)[0] == '-' && (*at)[1] != '\0') {
        enum srt_rc rc;

        if (strcmp(*at, "--") == 0) {
            at++;
            break;
        }
        rc = take_option(&at, o, err);
        if (rc != SRT_OK)
            return rc;
    }
    o->command = at;
    return SRT_OK;
}

enum srt_rc launcher_options_parse(char **argv, struct launcher_options *ret,
                                   struct srt_err *err)
{
    struct launcher_options o = {.level = POLICY_LEVEL_FULL};
    enum srt_rc rc = launcher_options_more(argv, &o, err);

    if (rc == SRT_OK)
        *ret = o;
    else
        launcher_options_release(&o);
    return rc;
}

void launcher_options_release(struct launcher_options *o)
{
    srt_free_ptr(&o->added);
    o->nadded = 0;
}

void launcher_options_help(struct srt_buf *out)
{
    for (size_t i = 0; i < SRT_ARRAY_LEN(rows); i++) {
        const struct row *r = &rows[i];
        struct srt_buf b = {.max = 63};

        if (r->help == NULL)
            continue;
        if (r->short_name != NULL)
            srt_buf_addf(&b, "%s, ", r->short_name);
        srt_buf_add_str(&b, r->name);
        if (r->value_name != NULL)
            srt_buf_addf(&b, " %s", r->value_name);
        srt_buf_addf(out, "  %-26s %s\n", srt_buf_str(&b), r->help);
        srt_buf_release(&b);
    }
}
