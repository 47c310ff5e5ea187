/* The command's environment. */
#ifndef SRT_LAUNCHER_ENVIRONMENT_H
#define SRT_LAUNCHER_ENVIRONMENT_H

#include <stdbool.h>

#include "launcher/options.h"
#include "policy/settings.h"

struct launcher_environment_options {
    const struct policy_settings *settings;
    const struct launcher_options *options;
    char *const *inherited;         /* srt's own environ */
    const char *tmpdir;             /* TMPDIR inside */
    const char *preload;            /* path of the shim inside; NULL: none */
    bool proxy_variables;           /* HTTP_PROXY and kin */
    unsigned http_port, socks_port; /* on 127.0.0.1 inside */
};

struct launcher_environment {
    char **at; /* owned, as its strings; NULL-terminated */
    size_t n;
};

/* In this order: inherited (environment.inherit, .deny), what srt sets,
 * environment.set, --setenv, --unsetenv.  Every byte of a value is kept. */
void launcher_environment_make(const struct launcher_environment_options *o,
                               struct launcher_environment *ret);
void launcher_environment_release(struct launcher_environment *e);

/* Value of a name in the result, or NULL. */
const char *launcher_environment_get(const struct launcher_environment *e,
                                     const char *name);

#endif
