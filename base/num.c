#include "base/num.h"

#include <limits.h>
#include <string.h>

static bool digits(const char *text, size_t len, uint64_t max, uint64_t *ret)
{
    uint64_t v = 0;

    if (len == 0)
        return false;
    for (size_t i = 0; i < len; i++) {
        uint64_t d = (uint64_t)(text[i] - '0');

        if (text[i] < '0' || text[i] > '9' || d > max || v > (max - d) / 10)
            return false;
        v = v * 10 + d;
    }
    *ret = v;
    return true;
}

bool srt_num_u64(const char *text, uint64_t max, uint64_t *ret)
{
    return digits(text, strlen(text), max, ret);
}

static bool port(const char *text, size_t len, uint16_t *ret)
{
    uint64_t v;

    if (!digits(text, len, UINT16_MAX, &v) || v == 0)
        return false;
    *ret = (uint16_t)v;
    return true;
}

bool srt_num_port(const char *text, uint16_t *ret)
{
    return port(text, strlen(text), ret);
}

bool srt_num_port_range(const char *text, uint16_t *ret_lo, uint16_t *ret_hi)
{
    const char *dash = strchr(text, '-');
    uint16_t lo;
    uint16_t hi;

    if (dash == NULL) {
        if (!srt_num_port(text, &lo))
            return false;
        hi = lo;
    } else if (!port(text, (size_t)(dash - text), &lo) ||
               !srt_num_port(dash + 1, &hi) || lo > hi) {
        return false;
    }
    *ret_lo = lo;
    *ret_hi = hi;
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
