/*
 * The reading half of the shim's annotation (shim/note.h), and what the kernel
 * tells of a blocked call.  A note comes from the program's memory: bounded, and
 * good for one field of the program's own event.
 */
#ifndef SRT_LAUNCHER_LINUX_ANNOTATION_H
#define SRT_LAUNCHER_LINUX_ANNOTATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "launcher/events/event.h"

/* shim_config.run of this run; 0 (the default): notes are not looked for.
 * Before any thread. */
void annotation_set_run(uint64_t run);

/* A thread blocked in a system call, from /proc/TID/syscall. */
struct annotation_call {
    long nr;
    uint64_t args[6];
    uint64_t sp;
};

/* False: running, not in a call, gone, or not ours to look at. `proc_dir` is
 * a descriptor of /proc/TID. */
bool annotation_call(int proc_dir, struct annotation_call *ret);

/* A string of the thread, at most size - 1 bytes of it; "" when unreadable. */
void annotation_string(pid_t tid, uint64_t address, char *out, size_t size);

/* Fill ret->caller from a note near the stack pointer. */
void annotation_read(int proc_dir, pid_t tid, const struct annotation_call *c,
                     struct events_process *ret);

#endif
