/* cJSON, as srt uses it: only for text that policy_scan() accepted. */
#ifndef SRT_VENDOR_JSON_H
#define SRT_VENDOR_JSON_H

#include <stddef.h>

#include <cJSON.h>

/* The tree (freed by cJSON_Delete), or NULL. */
cJSON *vnd_json_parse(const char *bytes, size_t len);

#endif
