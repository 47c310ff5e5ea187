/* Which policy applies: found, read, with what the options add. */
#ifndef SRT_LAUNCHER_LOAD_H
#define SRT_LAUNCHER_LOAD_H

#include <stddef.h>

#include "launcher/options.h"
#include "policy/compile.h"
#include "policy/settings.h"

/*
 * The first that applies of --policy FILE, $SRT_POLICY, ~/.srt-settings.json,
 * the built-in policy; then each --allow-write X and its kin.  What was named
 * and cannot be used is an error (SRT_E_CONFIG, lines in diags): nothing falls
 * back.  On failure *ret needs no release.
 */
enum srt_rc launcher_load_settings(const struct launcher_options *o,
                                   struct policy_settings *ret,
                                   struct srt_buf *diags) SRT_MUST_CHECK;

/* ~/.srt-settings.json, there or not.  False: no home directory. */
bool launcher_load_home_policy(char *out, size_t size);
/* Who names the policy: "--policy", "$SRT_POLICY", "the default". */
const char *launcher_load_source(const struct launcher_options *o);

/* The real directory that relative paths of the policy are relative to:
 * --cwd, or srt's own. */
enum srt_rc launcher_load_cwd(const struct launcher_options *o, char *out,
                              size_t size, struct srt_err *err) SRT_MUST_CHECK;

#endif
