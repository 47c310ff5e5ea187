/* Which policy applies: found, read, with what the options add, compiled.  For
 * exec, check and explain alike. */
#ifndef SRT_LAUNCHER_LOAD_H
#define SRT_LAUNCHER_LOAD_H

#include <stddef.h>

#include "launcher/options.h"
#include "launcher/own.h"
#include "policy/compile.h"
#include "policy/settings.h"

/* A policy as a run has it.  Filled where it lies: its parts point to each
 * other. */
struct launcher_loaded {
    struct policy_settings settings;
    char cwd[SRT_PATH_MAX]; /* real: what relative paths are relative to */
    struct launcher_own own;
    struct policy_host host;
    enum policy_level level;
    struct policy policy;
};

/*
 * The first that applies of --policy FILE, $SRT_POLICY, ~/.srt-settings.json,
 * the built-in policy; then each --allow-write X and its kin; compiled for this
 * host, srt's own files with it, and for a level that minimumLevel allows.
 * What was named and cannot be used is an error (SRT_E_CONFIG, lines in diags):
 * nothing falls back.  Release *ret in any case.
 */
enum srt_rc launcher_load(const struct launcher_options *o,
                          struct launcher_loaded *ret,
                          struct srt_buf *diags) SRT_MUST_CHECK;
void launcher_loaded_release(struct launcher_loaded *l);

/* ~/.srt-settings.json, there or not.  False: no home directory. */
bool launcher_load_home_policy(char *out, size_t size);
/* Who names the policy: "--policy", "$SRT_POLICY", "the default". */
const char *launcher_load_source(const struct launcher_options *o);

#endif
