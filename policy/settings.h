/* A settings file as it was written: every key parsed, validated and stored
 * with the place it came from; nothing decided yet. */
#ifndef SRT_POLICY_SETTINGS_H
#define SRT_POLICY_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"

#define POLICY_SETTINGS_MAX_BYTES ((size_t)1 << 20)
#define POLICY_SETTINGS_MAX_DEPTH 32
/* filesystem.mandatoryDenySearchDepth: by default, and at most. */
#define POLICY_SEARCH_DEPTH     3
#define POLICY_SEARCH_DEPTH_MAX 10

/* One string of the settings.  All pointers live in the settings' arena. */
struct policy_text {
    const char *text;
    const char *pointer; /* rule name: "/filesystem/denyRead/2" or
                            "option:--allow-write/0" */
    const char *why;     /* deniedDomainReasons' text for it, or NULL */
    unsigned line, col;  /* in the file, from 1; 0: not of a file */
    bool literal;        /* {"path": ..., "literal": true}: no glob meaning */
};

struct policy_texts {
    struct policy_text *at; /* NULL when n is 0 */
    size_t n;
};

/* environment.set, ignoreViolations, deniedDomainReasons. */
struct policy_pair {
    struct policy_text key;
    struct policy_text value;
};

struct policy_pairs {
    struct policy_pair *at;
    size_t n;
};

enum policy_tmp { POLICY_TMP_AUTO, POLICY_TMP_HOST };

enum policy_protect {
    POLICY_PROTECT_DEFAULT,
    POLICY_PROTECT_EXISTING,
    POLICY_PROTECT_NONE,
};

enum policy_inherit {
    POLICY_INHERIT_ALL,
    POLICY_INHERIT_NONE,
    POLICY_INHERIT_LISTED,
};

enum policy_proxy_env {
    POLICY_PROXY_ENV_AUTO,
    POLICY_PROXY_ENV_ALWAYS,
    POLICY_PROXY_ENV_NEVER,
};

/* Weakest first, so that levels compare with <. */
enum policy_level {
    POLICY_LEVEL_LANDLOCK,
    POLICY_LEVEL_PRELOAD,
    POLICY_LEVEL_FULL,
    POLICY_LEVELS
};

/* Their names in files, options and events; ends in NULL. */
extern const char *const policy_level_words[POLICY_LEVELS + 1];

/* Lists that an option can add to.  The order is that of the members below. */
enum policy_list {
    POLICY_LIST_ALLOWED_DOMAINS,
    POLICY_LIST_DENIED_DOMAINS,
    POLICY_LIST_ALLOWED_ADDRESSES,
    POLICY_LIST_DENIED_ADDRESSES,
    POLICY_LIST_DENIED_RESOLVED_ADDRESSES,
    POLICY_LIST_ALLOW_UNIX_SOCKETS,
    POLICY_LIST_DENY_READ,
    POLICY_LIST_ALLOW_READ,
    POLICY_LIST_ALLOW_WRITE,
    POLICY_LIST_DENY_WRITE,
    POLICY_LIST_ENV_INHERIT,
    POLICY_LIST_ENV_DENY,
    POLICY_LISTS
};

struct policy_settings {
    struct srt_arena arena;
    const char *path; /* NULL: the built-in policy */
    char sha256[65];  /* of the file's bytes, hex; "" for the built-in one */
    struct policy_texts lists[POLICY_LISTS];
    struct policy_pairs env_set;
    struct policy_pairs ignore; /* command pattern -> one text, repeated */
    bool allow_all_unix_sockets;
    bool allow_git_config;
    bool filesystem_disabled;
    enum policy_tmp tmp;
    enum policy_protect protect;
    unsigned search_depth;    /* levels of a writable root that are searched for
                              protected names; 1: the root alone */
    bool depth_in_filesystem; /* it stands there, not at the top */
    enum policy_inherit inherit;
    enum policy_proxy_env proxy_env;
    enum policy_level minimum_level;
    const char *bwrap_path;         /* absolute, or NULL */
    struct policy_texts no_meaning; /* accepted keys without effect here */
    /* What the file has, also where it says nothing. */
    bool has_members, has_network, has_filesystem;
    bool was_read;      /* it is JSON; what it says may be wrong all the same */
    unsigned has_lists; /* a bit each */
};

/* The built-in policy: no network, no writes, reads allowed. */
void policy_settings_init(struct policy_settings *ret);
void policy_settings_release(struct policy_settings *s);

/*
 * Read and validate one file.  `name` is shown in diagnostics.
 *
 * On failure `diags` holds every problem of the file, one line each
 * ("FILE:LINE:COL: /pointer: what; what was expected\n"), and SRT_E_CONFIG is
 * returned.  *s has what was right in it: with was_read it may be compiled, to
 * find what else is wrong.  Release it in any case.  Nothing is printed.
 */
enum srt_rc policy_settings_load(const char *name, struct policy_settings *s,
                                 struct srt_buf *diags) SRT_MUST_CHECK;

/* The same for bytes already in memory (tests, fuzzing). */
enum srt_rc policy_settings_parse(const char *name, const char *bytes,
                                  size_t len, struct policy_settings *s,
                                  struct srt_buf *diags) SRT_MUST_CHECK;

/* Append one validated entry for `option` ("--allow-write"); its rule name is
 * "option:--allow-write/N".  SRT_E_CONFIG when the value is not valid there. */
enum srt_rc policy_settings_add(struct policy_settings *s,
                                enum policy_list list, const char *option,
                                const char *value,
                                struct srt_err *err) SRT_MUST_CHECK;

/* The settings in full as a JSON file that loads to the same (check
 * --effective). */
void policy_settings_print(const struct policy_settings *s,
                           struct srt_buf *out);

#endif
