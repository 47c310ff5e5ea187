#include "vendor/version.h"

const char *vnd_srt_version(void)
{
    return "0.1.0";
}
