/* Between schema.c (the table and the walk) and schema_set.c (the values). */
#ifndef SRT_POLICY_SCHEMA_PARTS_H
#define SRT_POLICY_SCHEMA_PARTS_H

#include "policy/schema.h"

/* Diagnostics: "file:line:col: pointer: what", at the value or at its key. */
void policy_schema_complain(struct policy_schema_job *job, const char *pointer,
                            const char *what);
void policy_schema_complain_at_key(struct policy_schema_job *job,
                                   const char *pointer, const char *what);

/* Pointer of a member (RFC 6901). */
void policy_schema_child_pointer(struct srt_buf *out, const char *pointer,
                                 const char *key);
/* One more text; the list has room. */
void policy_schema_append(struct policy_schema_job *job,
                          struct policy_texts *list, const char *text,
                          const char *pointer, bool literal);

/* Store one value; arg is the row's: a list, an offset, or nothing. */
typedef void policy_schema_set_fn(struct policy_schema_job *job, size_t arg,
                                  const cJSON *value, const char *pointer);

policy_schema_set_fn policy_schema_set_list, policy_schema_set_bool,
    policy_schema_set_tmp, policy_schema_set_protect,
    policy_schema_set_proxy_env, policy_schema_set_level,
    policy_schema_set_inherit, policy_schema_set_environment,
    policy_schema_set_ignore, policy_schema_set_reasons,
    policy_schema_set_version, policy_schema_set_bwrap, policy_schema_set_depth;

#endif
