/* What the language lacks. */
#ifndef SRT_BASE_MACROS_H
#define SRT_BASE_MACROS_H

#include <stddef.h>

#define SRT_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
/* The struct that holds `member`, of which p points at. */
#define SRT_CONTAINER_OF(p, type, member)                                      \
 ((type *)(void *)((char *)(p)-offsetof(type, member)))

#endif
