/* The same program for musl (tests/testnet.py builds it both ways). */
#include "operations.c"
