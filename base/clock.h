/* Time: monotonic for intervals, wall clock for people. */
#ifndef SRT_BASE_CLOCK_H
#define SRT_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* CLOCK_MONOTONIC: on Linux time spent suspended does not count. */
static inline uint64_t srt_clock_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static inline uint64_t srt_clock_ms(void)
{
    return srt_clock_us() / 1000u;
}

#endif
