/* The same program, linked dynamically: with the shim. */
#include "static_calls.c"
