#include "launcher/exec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/macros.h"
#include "base/path.h"
#include "launcher/environment.h"
#include "launcher/events/dest.h"
#include "launcher/events/store.h"
#include "launcher/linux/bwrap.h"
#include "launcher/linux/ports.h"
#include "launcher/linux/session.h"
#include "launcher/load.h"
#include "launcher/notes.h"
#include "launcher/options.h"
#include "launcher/streams.h"
#include "vendor/version.h"

enum { FAILED = 125, NOT_EXECUTABLE = 126, NOT_FOUND = 127 };

/* Everything that one run holds; released at the end. */
struct run {
    struct launcher_options options;
    struct launcher_loaded loaded;
    struct launcher_environment environment;
    struct events_store *events;
    struct launcher_notes notes;
    bool has_shim;
    char *shell_argv[4];
    char **argv;            /* what is executed */
    struct srt_buf command; /* as text, for ignoreViolations */
    unsigned closed_fds;
};

const char launcher_exec_statuses[] =
    "Exit status: the command's own; 128+N when signal N ended it; 125 when "
    "srt itself failed\n(nothing ran, or the run was ended); 126 when the "
    "command cannot be executed; 127 when it\nwas not found.  srt check: 0 "
    "valid, 1 invalid.  srt explain: 0 allowed, 1 denied.\n";

static void print_help(void)
{
    SRT_AUTO_BUF struct srt_buf b = {0};

    srt_buf_add_str(
        &b, "usage: srt exec [OPTIONS] [--] COMMAND [ARG...]\n"
            "       srt exec [OPTIONS] -c 'shell line'\n"
            "Run COMMAND inside the sandbox; say what was refused, and by "
            "which line of the policy.\n\n");
    launcher_options_help(&b);
    srt_buf_addf(&b, "\n%s", launcher_exec_statuses);
    (void)fputs(srt_buf_str(&b), stdout);
}

static int fail(struct run *r, const char *message)
{
    srt_log(SRT_LOG_ERROR, "%s", message);
    if (r->events != NULL)
        events_store_error(r->events, message);
    return FAILED;
}

/* Every problem of the policy is a line of its own, as the file has them. */
static int fail_lines(struct run *r, const char *diags)
{
    while (*diags != '\0') {
        size_t n = strcspn(diags, "\n");

        srt_log(SRT_LOG_ERROR, "%.*s", (int)n, diags);
        if (r->events != NULL) {
            char *line = srt_xstrndup(diags, n);

            events_store_error(r->events, line);
            srt_free_ptr(&line);
        }
        diags += n + (diags[n] == '\n');
    }
    return FAILED;
}

static enum srt_rc check_own_files(struct run *r, struct srt_err *err)
{
    if (access(r->loaded.own.init_path, X_OK) != 0)
        return srt_err_sys(err, errno,
                           "'%s' (srt-init must lie beside srt, readable for "
                           "you)",
                           r->loaded.own.init_path);
    r->has_shim = access(r->loaded.own.shim_path, R_OK) == 0;
    if (!r->has_shim && r->loaded.level != POLICY_LEVEL_FULL)
        return srt_err_sys(err, errno,
                           "'%s' (at this level the shim routes and reports)",
                           r->loaded.own.shim_path);
    return SRT_OK;
}

static void make_argv(struct run *r)
{
    static char dash_c[] = "-c";
    const char *shell = getenv("SHELL"); /* NOLINT: one thread */

    r->argv = r->options.command;
    if (r->options.shell != NULL) {
        r->shell_argv[0] = srt_xstrdup(
            shell != NULL && shell[0] == '/' ? shell : "/bin/sh");
        r->shell_argv[1] = dash_c;
        r->shell_argv[2] = srt_xstrdup(r->options.shell);
        r->argv = r->shell_argv;
    }
    for (char **a = r->argv; *a != NULL; a++) {
        if (r->command.len > 0)
            srt_buf_add_char(&r->command, ' ');
        srt_buf_add_str(&r->command, *a);
    }
}

/* The command line makes sense, and the descriptors may go inside. */
static enum srt_rc check_request(struct run *r, struct srt_err *err)
{
    const struct launcher_options *o = &r->options;

    if (access(BWRAP_OWN, F_OK) == 0)
        return srt_err_set(err, SRT_E_UNSUP,
                           "this is inside srt already, and srt inside srt is "
                           "not supported yet; run the command itself: the "
                           "sandbox that is there holds for it");

    if (o->shell != NULL && o->command[0] != NULL)
        return srt_err_set(err, SRT_E_CONFIG,
                           "-c and a command: want one of the two");
    if (o->shell == NULL && o->command[0] == NULL)
        return srt_err_set(err, SRT_E_CONFIG,
                           "no command; usage: srt exec [OPTIONS] [--] COMMAND "
                           "[ARG...]");
    return launcher_streams_check(o->pass_fds, o->npass_fds, &r->closed_fds,
                                  err);
}

static enum srt_rc open_events(struct run *r, struct srt_err *err)
{
    const struct events_options o = {
        .command = srt_buf_str(&r->command),
        .verbose = r->options.verbose,
        .quiet = r->options.quiet,
        .annotate = r->options.annotate,
        .err_fd = STDERR_FILENO,
    };
    const char *from_env = getenv("SRT_EVENTS"); /* NOLINT: one thread */
    enum srt_rc rc = SRT_OK;

    /* Before srt has descriptors of its own that could be meant. */
    if (from_env != NULL)
        rc = events_dest_check(from_env, err);
    for (size_t i = 0; rc == SRT_OK && i < r->options.nevents; i++)
        rc = events_dest_check(r->options.events[i], err);
    if (rc != SRT_OK)
        return rc;
    r->events = events_store_new(&o);
    if (from_env != NULL)
        rc = events_store_add_sink(r->events, from_env, err);
    for (size_t i = 0; rc == SRT_OK && i < r->options.nevents; i++)
        rc = events_store_add_sink(r->events, r->options.events[i], err);
    for (size_t i = 0; rc == SRT_OK && i < r->options.npass_fds; i++)
        if (events_store_owns_fd(r->events, r->options.pass_fds[i]))
            rc = srt_err_set(err, SRT_E_CONFIG,
                             "--pass-fd %d is an event sink; the command must "
                             "not have it",
                             r->options.pass_fds[i]);
    return rc;
}

static void make_environment(struct run *r)
{
    const struct policy_settings *s = &r->loaded.settings;
    const struct launcher_environment_options o = {
        .settings = s,
        .options = &r->options,
        .inherited = environ,
        .tmpdir = BWRAP_TMPDIR,
        .preload = r->has_shim ? BWRAP_SHIM : NULL,
        .proxy_variables = s->proxy_env == POLICY_PROXY_ENV_ALWAYS ||
                           (s->proxy_env == POLICY_PROXY_ENV_AUTO &&
                            r->loaded.level != POLICY_LEVEL_FULL),
        .http_port = PORTS_HTTP,
        .socks_port = PORTS_SOCKS,
    };

    launcher_environment_make(&o, &r->environment);
}

static int run_session(struct run *r, const char *bwrap)
{
    const struct launcher_loaded *l = &r->loaded;
    const struct session_input in = {
        .policy = &l->policy,
        .settings = &l->settings,
        .events = r->events,
        .home = l->host.home,
        .cwd = l->cwd,
        .argv = r->argv,
        .environment = &r->environment,
        .bwrap = bwrap,
        .init_path = l->own.init_path,
        .shim_path = r->has_shim ? l->own.shim_path : NULL,
        .level = l->level,
        .pass_fds = r->options.pass_fds,
        .npass_fds = r->options.npass_fds,
        .closed_fds = r->closed_fds,
        .warnings = r->notes.warnings,
        .weakenings = r->notes.weakenings,
        .force_plain_masks = getenv("SRT_TEST_NO_FUSE") != NULL, /* NOLINT */
    };
    struct srt_err err;
    int status;

    /* 126 and 127 are the command's own, too. */
    if (session_run(&in, &status, &err) != SRT_OK) {
        if (status == FAILED)
            return fail(r, err.msg);
        srt_log(SRT_LOG_ERROR, "%s", err.msg);
    }
    events_store_finish(r->events, status);
    return status;
}

/* --debug: which policy, and why. */
static void tell_policy(const struct run *r)
{
    const struct policy_settings *s = &r->loaded.settings;

    if (s->path == NULL)
        srt_log(SRT_LOG_DEBUG,
                "policy: built in (neither --policy nor $SRT_POLICY, and no "
                "~/.srt-settings.json): no writes, no network");
    else
        srt_log(SRT_LOG_DEBUG, "policy: %s (named by %s), sha256 %s", s->path,
                launcher_load_source(&r->options), s->sha256);
    for (size_t i = 0; i < s->no_meaning.n; i++)
        srt_log(SRT_LOG_DEBUG, "policy: %s is accepted, and has no effect here",
                s->no_meaning.at[i].pointer);
    for (size_t i = 0; i < r->options.nadded; i++)
        srt_log(SRT_LOG_DEBUG, "policy: added by %s %s",
                r->options.added[i].option, r->options.added[i].value);
}

static void tell_means(const struct run *r, const char *bwrap)
{
    const struct launcher_loaded *l = &r->loaded;

    srt_log(SRT_LOG_DEBUG, "home: %s; working directory: %s",
            l->host.home != NULL ? l->host.home : "none", l->cwd);
    srt_log(SRT_LOG_DEBUG, "level: %s (%s)", policy_level_words[l->level],
            r->options.level_given ? "--level" : "the default");
    srt_log(SRT_LOG_DEBUG, "programs: %s, %s, shim %s", bwrap, l->own.init_path,
            r->has_shim ? l->own.shim_path : "not there");
}

static int assemble(struct run *r)
{
    SRT_AUTO_BUF struct srt_buf diags = {0};
    const char *bwrap = NULL;
    struct srt_err err;

    if (check_request(r, &err) != SRT_OK)
        return fail(r, err.msg);
    make_argv(r);
    if (open_events(r, &err) != SRT_OK)
        return fail(r, err.msg);
    if (launcher_load(&r->options, &r->loaded, &diags) != SRT_OK)
        return fail_lines(r, srt_buf_str(&diags));
    tell_policy(r);
    events_store_set_image(r->events, r->loaded.policy.image);
    if (check_own_files(r, &err) != SRT_OK ||
        bwrap_find(r->loaded.settings.bwrap_path, &bwrap, &err) != SRT_OK)
        return fail(r, err.msg);
    tell_means(r, bwrap);
    make_environment(r);
    launcher_notes_make(&r->loaded.policy, &r->loaded.host, &r->notes);
    return run_session(r, bwrap);
}

static void release(struct run *r)
{
    launcher_environment_release(&r->environment);
    events_store_free(r->events);
    launcher_loaded_release(&r->loaded);
    srt_free_ptr(&r->shell_argv[0]);
    srt_free_ptr(&r->shell_argv[2]);
    srt_buf_release(&r->command);
    launcher_notes_release(&r->notes);
    launcher_options_release(&r->options);
}

int launcher_exec_main(char **argv)
{
    static struct run r;
    struct srt_err err;
    int status;

    if (launcher_options_parse(argv, &r.options, &err) != SRT_OK)
        return fail(&r, err.msg);
    if (r.options.help || r.options.version) {
        if (r.options.help)
            print_help();
        else
            (void)printf("srt %s\n", vnd_srt_version());
        launcher_options_release(&r.options);
        return 0;
    }
    if (r.options.debug || getenv("SRT_DEBUG") != NULL) /* NOLINT */
        srt_log_init(STDERR_FILENO, SRT_LOG_DEBUG);
    status = assemble(&r);
    release(&r);
    return status;
}
