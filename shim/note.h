/*
 * The annotation: what the shim leaves on its own stack around a libc call, so
 * that the launcher, while the task is blocked in a refused call, can tell who
 * in the program called (launcher/linux/annotation.c).
 *
 * It costs three stores where nothing is refused.  It is advisory: it lives in
 * the program's memory, and a program can forge the `caller` of its own events.
 * What was asked for is never taken from here, but from the call's arguments.
 */
#ifndef SRT_SHIM_NOTE_H
#define SRT_SHIM_NOTE_H

#include <stdint.h>

#define SHIM_NOTE_MAGIC UINT64_C(0x53525453484d4e31) /* "SRTSHMN1" */

/* Searched for at 8-byte steps from the stack pointer upwards, this far. */
#define SHIM_NOTE_WINDOW_BYTES 16384u

struct shim_note {
    uint64_t magic;  /* SHIM_NOTE_MAGIC while the call is under way, else 0 */
    uint64_t run;    /* shim_config.run: not another run's, not by chance */
    uint64_t caller; /* return address in the calling code */
};

#endif
