/* Between the parts of policy_compile(). */
#ifndef SRT_POLICY_COMPILE_PARTS_H
#define SRT_POLICY_COMPILE_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/build.h"
#include "policy/compile.h"

struct policy_compiler {
    const struct policy_settings *settings;
    const struct policy_host *host;
    struct srt_buf *diags;
    size_t problems;
    struct srt_arena arena; /* becomes the policy's */
    struct policy_build build;
    struct policy_place *places; /* owned */
    size_t nplaces, places_cap;
    const char **roots; /* owned: the real writable places, in the arena */
    size_t nroots, roots_cap;
};

/* One line: "FILE:LINE:COL: pointer: what". */
void policy_compile_complain(struct policy_compiler *c, const char *pointer,
                             const char *fmt, ...) SRT_PRINTF(3, 4);

void policy_compile_hosts(struct policy_compiler *c);
void policy_compile_paths(struct policy_compiler *c,
                          const struct policy_own_file *own_files);

#endif
