/* The command line: rows in a table, one setter a kind of value. */
#ifndef SRT_LAUNCHER_OPTIONS_H
#define SRT_LAUNCHER_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "policy/settings.h"

#define LAUNCHER_OPTIONS_MAX_LIST  64
#define LAUNCHER_OPTIONS_MAX_ADDED 4096

/* One --allow-write X and its kin, in the order given. */
struct launcher_added {
    enum policy_list list;
    const char *option; /* "--allow-write" */
    const char *value;
};

/* All strings are borrowed from argv. */
struct launcher_options {
    const char *policy;        /* --policy; NULL: not given */
    const char *policy_source; /* who named it; NULL: --policy */
    const char *shell;         /* -c STRING; NULL: not given */
    const char *cwd;           /* --cwd */
    const char *events[LAUNCHER_OPTIONS_MAX_LIST];
    size_t nevents;
    int pass_fds[LAUNCHER_OPTIONS_MAX_LIST];
    size_t npass_fds;
    const char *setenv[LAUNCHER_OPTIONS_MAX_LIST]; /* NAME=VALUE */
    size_t nsetenv;
    const char *unsetenv[LAUNCHER_OPTIONS_MAX_LIST]; /* NAME */
    size_t nunsetenv;
    struct launcher_added *added; /* owned */
    size_t nadded;
    bool level_given;
    enum policy_level level;
    bool annotate, quiet, verbose, debug, help, version;
    char **command; /* NULL-terminated rest of argv; empty with -c */
};

/* Parse the words after the subcommand.  Options end at the first word that
 * is none, or at "--". */
enum srt_rc launcher_options_parse(char **argv, struct launcher_options *ret,
                                   struct srt_err *err) SRT_MUST_CHECK;
/* More words for the same options; on failure they are still to be released. */
enum srt_rc launcher_options_more(char **argv, struct launcher_options *o,
                                  struct srt_err *err) SRT_MUST_CHECK;
void launcher_options_release(struct launcher_options *o);

/* "  --policy FILE   ..." a row each. */
void launcher_options_help(struct srt_buf *out);

#endif
