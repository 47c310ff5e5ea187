/* The same program, linked dynamically: with the shim. */
#include "static_forger.c"
