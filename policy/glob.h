/*
 * Git-style globs over the components of a path: "*" and "?" (no "/"), "[set]"
 * with "!" or "^", "\" before a byte that stands for itself, "**" as a whole
 * component for any number of them.  Bytes, not characters; a leading dot is
 * nothing special.  Matching is linear in the path: no pattern makes it slow.
 */
#ifndef SRT_POLICY_GLOB_H
#define SRT_POLICY_GLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POLICY_GLOB_PARTS 63

/* A pattern taken apart; borrows its text.  A set of positions in it is a
 * word with a bit for each part, and one for its end. */
struct policy_glob {
    const char *text;
    size_t n;
    uint16_t at[POLICY_GLOB_PARTS];
    uint16_t len[POLICY_GLOB_PARTS];
};

/* `pattern` is relative: "certs/?.pem".  False: too many parts or too long. */
bool policy_glob_parse(const char *pattern, struct policy_glob *ret);

/* Walk: begin, one step for each component of a path, and after each step
 * whether the components so far match.  0 positions: nothing below can. */
uint64_t policy_glob_begin(const struct policy_glob *g);
uint64_t policy_glob_step(const struct policy_glob *g, uint64_t positions,
                          const char *name, size_t len);
bool policy_glob_done(const struct policy_glob *g, uint64_t positions);

/* How many leading components of the relative path match at most: 2 for
 * "a/b" against "a/b/c"; 0: none. */
size_t policy_glob_depth(const char *pattern, const char *path);

/* Has a byte with a meaning. */
bool policy_glob_is_magic(const char *text, size_t len);

/* A pattern that this matcher understands; else why not, in one clause. */
bool policy_glob_check(const char *pattern, const char **ret_why);

#endif
