/* The keys of the settings file as rows: what each takes and what is done with
 * it.  A new key is a new row. */
#ifndef SRT_POLICY_SCHEMA_H
#define SRT_POLICY_SCHEMA_H

#include "policy/scan.h"
#include "policy/settings.h"
#include "vendor/json.h"

/* One file being read. */
struct policy_schema_job {
    const char *name; /* shown in diagnostics */
    const struct policy_scan *scan;
    struct policy_settings *settings;
    struct srt_buf *diags;
    bool failed;
    bool depth_given; /* mandatoryDenySearchDepth */
};

/* Walk the tree, fill job->settings, add a line to job->diags for each
 * problem. */
void policy_schema_read(struct policy_schema_job *job, const cJSON *root);

/* Name of a list's key in the file ("allowWrite") and of its object
 * ("/filesystem"). */
const char *policy_schema_list_key(enum policy_list list);
const char *policy_schema_list_object(enum policy_list list);

#endif
