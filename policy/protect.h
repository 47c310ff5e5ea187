/* Names that stay as they are even where writing is allowed. */
#ifndef SRT_POLICY_PROTECT_H
#define SRT_POLICY_PROTECT_H

#include <stdbool.h>
#include <stddef.h>

struct policy_protect_row {
    const char *name; /* relative to a writable root */
    bool only_file;   /* a directory of that name is none of ours */
    bool git_config;  /* lifted by allowGitConfig */
    const char *why;
};

extern const struct policy_protect_row policy_protect_rows[];
extern const size_t policy_protect_count;

#endif
