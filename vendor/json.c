#include "vendor/json.h"

cJSON *vnd_json_parse(const char *bytes, size_t len)
{
    return cJSON_ParseWithLengthOpts(bytes, len, NULL, 0);
}
