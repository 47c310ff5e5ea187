#include "base/num.h"

#include <limits.h>

bool srt_num_u64(const char *text, uint64_t max, uint64_t *ret)
{
    uint64_t v = 0;

    if (text[0] == '\0')
        return false;
    for (size_t i = 0; text[i] != '\0'; i++) {
        uint64_t d = (uint64_t)(text[i] - '0');

        if (text[i] < '0' || text[i] > '9' || d > max || v > (max - d) / 10)
            return false;
        v = v * 10 + d;
    }
    *ret = v;
    return true;
}

bool srt_num_fd(const char *text, int min, int *ret)
{
    uint64_t v;

    if (!srt_num_u64(text, INT_MAX, &v) || (int)v < min)
        return false;
    *ret = (int)v;
    return true;
}
