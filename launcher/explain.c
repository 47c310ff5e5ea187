#include "launcher/explain.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/macros.h"
#include "base/path.h"
#include "launcher/load.h"
#include "policy/glob.h"
#include "policy/host.h"
#include "policy/suggest.h"
#include "proxy/proxy.h"

enum { ALLOWED = 0, DENIED = 1, NO_ANSWER = 125 };

/* One question, its policy and its answer. */
struct question {
    const struct question_row *row;
    const char *subject;
    struct launcher_loaded loaded;
    char target[SRT_PATH_MAX]; /* what was judged */
    enum policy_kind kind;     /* of the target, when it is a path */
    enum policy_subject suggest;
    struct policy_decision answer;
    bool blocked;  /* by a symlink on the way */
    bool loopback; /* of the sandbox itself */
};

typedef bool ask_fn(struct question *q, struct srt_err *err);

struct question_row {
    const char *word;
    ask_fn *ask;
    struct policy_decision (*decide)(const struct policy_image *img,
                                     const char *target);
    enum policy_subject suggest;
    const char *subject; /* for the usage line */
};

/* A symlink on the way that may not be read ends the way. */
static void judge_link(void *ctx, const char *place)
{
    struct question *q = ctx;
    struct policy_decision d = policy_decide_read(q->loaded.policy.image,
                                                  place);

    if (d.verdict == POLICY_ALLOW || q->blocked)
        return;
    q->blocked = true;
    q->answer = d;
    q->answer.reason = "the way leads through a symlink that may not be read";
}

/* Where the subject really is. */
static bool ask_path(struct question *q, struct srt_err *err)
{
    const struct policy_host *h = &q->loaded.host;
    char path[2 * SRT_PATH_MAX];
    int n = snprintf(path, sizeof(path), "%s%s%s",
                     q->subject[0] == '/' ? "" : h->cwd,
                     q->subject[0] == '/' ? "" : "/", q->subject);

    if (n < 0 || (size_t)n >= sizeof(path) ||
        !h->real(h->ctx, path, q->target, sizeof(q->target), &q->kind)) {
        (void)srt_err_set(err, SRT_E_CONFIG,
                          "'%s' is a loop of symlinks or too long", q->subject);
        return false;
    }
    if (q->row->suggest == POLICY_SUBJECT_WRITE &&
        q->kind == POLICY_KIND_ABSENT)
        q->suggest = POLICY_SUBJECT_ENTRY;
    q->answer = q->row->decide(q->loaded.policy.image, q->target);
    if (q->answer.verdict == POLICY_ALLOW)
        h->links(h->ctx, path, judge_link, q);
    return true;
}

static bool is_loopback(const char *host)
{
    char name[256];
    struct policy_addr a;
    const char *class;

    if (!policy_host_canonical(host, strlen(host), name, sizeof(name)))
        return false;
    if (!policy_addr_parse(name, strlen(name), &a))
        return policy_host_is_localhost(name);
    class = policy_addr_class(a);
    return class != NULL && strcmp(class, "loopback") == 0;
}

/* "name:port", "[v6]:port" */
static bool ask_connect(struct question *q, struct srt_err *err)
{
    const char *colon = strrchr(q->subject, ':');
    size_t len = colon != NULL ? (size_t)(colon - q->subject) : 0;
    bool bare_v6 = len > 0 && q->subject[0] != '[' &&
                   memchr(q->subject, ':', len) != NULL;
    uint16_t lo;
    uint16_t hi;

    if (len == 0 || bare_v6 || len >= sizeof(q->target) ||
        !policy_addr_ports(colon + 1, strlen(colon + 1), &lo, &hi) ||
        lo != hi) {
        (void)srt_err_set(err, SRT_E_CONFIG,
                          "'%s': expected HOST:PORT (IPv6 in brackets)",
                          q->subject);
        return false;
    }
    memcpy(q->target, q->subject, len);
    q->target[len] = '\0';
    q->answer = proxy_admit_offline(q->loaded.policy.image, q->target, lo);
    q->loopback = is_loopback(q->target);
    (void)snprintf(q->target, sizeof(q->target), "%s", q->subject);
    return true;
}

static bool ask_name(struct question *q, struct srt_err *err)
{
    if (strlen(q->subject) >= sizeof(q->target)) {
        (void)srt_err_set(err, SRT_E_CONFIG, "the name is too long");
        return false;
    }
    (void)snprintf(q->target, sizeof(q->target), "%s", q->subject);
    q->answer = q->row->decide(q->loaded.policy.image, q->subject);
    return true;
}

static const struct question_row rows[] = {
    {"read", ask_path, policy_decide_read, POLICY_SUBJECT_READ, "PATH"},
    {"write", ask_path, policy_decide_write, POLICY_SUBJECT_WRITE, "PATH"},
    {"connect", ask_connect, NULL, POLICY_SUBJECT_HOST, "HOST:PORT"},
    {"resolve", ask_name, policy_decide_resolve, POLICY_SUBJECT_RESOLVE,
     "NAME"},
    {"unix", ask_path, policy_decide_unix, POLICY_SUBJECT_UNIX, "PATH"},
};

/* The entry that a rule points to, or NULL. */
static const struct policy_text *find_entry(const struct policy_settings *s,
                                            const char *rule)
{
    for (size_t list = 0; list < POLICY_LISTS; list++)
        for (size_t i = 0; i < s->lists[list].n; i++)
            if (strcmp(s->lists[list].at[i].pointer, rule) == 0)
                return &s->lists[list].at[i];
    return NULL;
}

static bool is_glob(const char *entry)
{
    size_t len = strlen(entry);

    return policy_glob_is_magic(entry, len) &&
           !(len > 2 && strcspn(entry, "*?[\\") == len - 2);
}

/* Is it a file that the deciding entry itself names? */
static bool names_the_file(const struct question *q)
{
    for (size_t i = 0; i < q->loaded.policy.nplaces; i++)
        if (q->loaded.policy.places[i].kind == POLICY_KIND_FILE &&
            strcmp(q->loaded.policy.places[i].path, q->target) == 0 &&
            strcmp(q->loaded.policy.places[i].rule, q->answer.rule) == 0)
            return true;
    return false;
}

/* What does not exist cannot be allowed yet: reading reveals nothing, and a name
 * is made in a directory that is there. */
static bool is_too_early(const struct question *q)
{
    const struct policy_host *h = &q->loaded.host;
    enum policy_kind kind = POLICY_KIND_DIR;
    char parent[SRT_PATH_MAX];
    char real[SRT_PATH_MAX];

    if (q->row->ask != ask_path || q->kind != POLICY_KIND_ABSENT)
        return false;
    if (q->row->suggest != POLICY_SUBJECT_WRITE)
        return true;
    return srt_path_split(q->target, parent, sizeof(parent)) != NULL &&
           h->real(h->ctx, parent, real, sizeof(real), &kind) &&
           kind == POLICY_KIND_ABSENT;
}

/* What the deciding entry does not cover. */
static void print_notes(const struct question *q,
                        const struct policy_text *entry)
{
    const struct policy_settings *s = q->loaded.policy.settings;
    bool denied = q->answer.verdict == POLICY_DENY;
    bool reads = q->row->suggest == POLICY_SUBJECT_READ;

    if (reads && denied && entry != NULL && !entry->literal &&
        is_glob(entry->text))
        (void)puts("  note:    a glob does not cover a file that the host "
                   "creates during a run; deny its directory");
    if (reads && denied && names_the_file(q))
        (void)puts("  note:    a file that the host replaces during a run can "
                   "be read from then on: deny its directory");
    if (q->row->suggest == POLICY_SUBJECT_WRITE && !denied && entry != NULL &&
        s->protect == POLICY_PROTECT_DEFAULT)
        (void)puts("  note:    of the protected names, those that exist at "
                   "the start of a run are kept");
    if (denied && is_too_early(q))
        (void)puts(reads ? "  note:    it does not exist: what the host makes "
                           "there during a run can be read, and an allowRead "
                           "entry counts once it is there"
                         : "  note:    its directory does not exist: make that "
                           "first, then allow it");
    if (q->loopback)
        (void)puts("  note:    inside, loopback is the sandbox's own: its own "
                   "servers are always reached; this is about the host's, "
                   "which only the proxy variables lead to, with an entry that "
                   "names the address");
    if (q->row->suggest == POLICY_SUBJECT_HOST && !denied && !q->loopback)
        (void)puts("  note:    the addresses that a name leads to are checked "
                   "when it is looked up");
}

static void print_field(const char *name, const char *value)
{
    char quoted[SRT_LOG_QUOTED_MAX];

    (void)printf("  %-8s %s\n", name,
                 srt_log_quote(value, quoted, sizeof(quoted)));
}

static void print_answer(const struct question *q)
{
    bool denied = q->answer.verdict == POLICY_DENY;
    const struct policy_text *entry = find_entry(q->loaded.policy.settings,
                                                 q->answer.rule);
    SRT_AUTO_BUF struct srt_buf hint = {0};
    SRT_AUTO_BUF struct srt_buf patch = {0};
    struct policy_change change = {0};
    char quoted[SRT_LOG_QUOTED_MAX];

    (void)printf("%s %s %s\n", denied ? "denied" : "allowed", q->row->word,
                 srt_log_quote(q->subject, quoted, sizeof(quoted)));
    if (strcmp(q->target, q->subject) != 0)
        print_field("really:", q->target);
    print_field("rule:", q->answer.rule);
    if (entry != NULL)
        print_field("entry:", entry->text);
    print_field("reason:", q->answer.reason);
    if (!q->blocked && !is_too_early(q))
        policy_suggest(
            &(struct policy_refused){.image = q->loaded.policy.image,
                                     .settings = q->loaded.policy.settings,
                                     .home = q->loaded.host.home,
                                     .kind = q->suggest,
                                     .deed = POLICY_DEED_MAKES,
                                     .target = q->target,
                                     .decision = &q->answer},
            &hint, &change);
    policy_change_print(&change, NULL, &patch);
    if (hint.len > 0)
        print_field("hint:", srt_buf_str(&hint));
    if (patch.len > 0)
        (void)printf("  %-8s %s\n", "change:", srt_buf_str(&patch));
    print_notes(q, entry);
}

static void usage(FILE *out)
{
    (void)fputs("usage: srt explain [OPTIONS] (", out);
    for (size_t i = 0; i < SRT_ARRAY_LEN(rows); i++)
        (void)fprintf(out, "%s%s %s", i > 0 ? " | " : "", rows[i].word,
                      rows[i].subject);
    (void)fputs(")\n", out);
}

static int help(void)
{
    SRT_AUTO_BUF struct srt_buf b = {0};

    usage(stdout);
    launcher_options_help(&b);
    (void)printf("What the policy says, and which entry decides.  OPTIONS are "
                 "those of srt exec:\n%s",
                 srt_buf_str(&b));
    return ALLOWED;
}

/* "srt: " before each line that says what is wrong. */
static int complain(const char *lines)
{
    while (*lines != '\0') {
        size_t n = strcspn(lines, "\n");

        (void)fprintf(stderr, "srt: %.*s\n", (int)n, lines);
        lines += n + (lines[n] == '\n');
    }
    return NO_ANSWER;
}

static int answer(struct question *q, const struct launcher_options *o)
{
    SRT_AUTO_BUF struct srt_buf diags = {0};
    struct srt_err err;
    int status = NO_ANSWER;

    if (launcher_load(o, &q->loaded, &diags) != SRT_OK) {
        (void)complain(srt_buf_str(&diags));
    } else if (q->row->ask(q, &err)) {
        print_answer(q);
        status = q->answer.verdict == POLICY_ALLOW ? ALLOWED : DENIED;
    } else {
        (void)complain(err.msg);
    }
    launcher_loaded_release(&q->loaded);
    return status;
}

static const struct question_row *find_row(const char *word)
{
    for (size_t i = 0; i < SRT_ARRAY_LEN(rows); i++)
        if (strcmp(rows[i].word, word) == 0)
            return &rows[i];
    return NULL;
}

/* The two words of the question; options may stand on both sides of it. */
static bool take_question(struct launcher_options *o, struct question *q,
                          struct srt_err *err)
{
    char **words = o->command;

    *err = (struct srt_err){0};
    if (words[0] == NULL || words[1] == NULL)
        return false;
    q->row = find_row(words[0]);
    q->subject = words[1];
    if (q->row == NULL) {
        (void)srt_err_set(err, SRT_E_CONFIG,
                          "'%.100s': want read, write, connect, resolve or "
                          "unix",
                          words[0]);
        return false;
    }
    q->suggest = q->row->suggest;
    if (launcher_options_more(words + 2, o, err) != SRT_OK)
        return false;
    return o->command[0] == NULL;
}

int launcher_explain_main(char **argv)
{
    struct launcher_options o;
    static struct question q;
    struct srt_err err;
    int status;

    if (launcher_options_parse(argv, &o, &err) != SRT_OK)
        return complain(err.msg);
    if (o.help) {
        status = help();
    } else if (take_question(&o, &q, &err)) {
        status = answer(&q, &o);
    } else if (err.msg[0] != '\0') {
        status = complain(err.msg);
    } else {
        (void)fputs("srt: ", stderr);
        usage(stderr);
        status = NO_ANSWER;
    }
    launcher_options_release(&o);
    return status;
}
