/* Numbers from text: the whole text, decimal digits only. */
#ifndef SRT_BASE_NUM_H
#define SRT_BASE_NUM_H

#include <stdbool.h>
#include <stdint.h>

/* "0".."max": no sign, no space, nothing after the digits. */
bool srt_num_u64(const char *text, uint64_t max, uint64_t *ret);
/* A descriptor number >= min. */
bool srt_num_fd(const char *text, int min, int *ret);

#endif
