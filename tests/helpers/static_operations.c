/* The same program, linked statically; glibc's resolver is never static. */
#define NO_RESOLVER
#include "operations.c"
