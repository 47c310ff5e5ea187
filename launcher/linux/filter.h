/* The seccomp filter: built from one table that knows every system call. */
#ifndef SRT_LAUNCHER_LINUX_FILTER_H
#define SRT_LAUNCHER_LINUX_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum filter_action {
    FILTER_ALLOW,
    FILTER_FILE,   /* notified: a path or descriptor call, files.c */
    FILTER_SOCKET, /* notified: connect, sockets.c */
    FILTER_REFUSE, /* notified and refused, an event "syscall" */
    FILTER_ENOSYS, /* ENOSYS in the filter, no event; listed in "start" */
    FILTER_ARGS,   /* depends on the arguments: filter_gen/main.c */
};

/* One system call, by its kernel name. */
struct filter_row {
    const char *name;
    enum filter_action action;
    /* Why it is notified, refused, absent, or harmless; NULL for what anybody
     * may do anywhere. */
    const char *why;
    bool privileged; /* EPERM from every kernel without a capability */
};

/* The table (filter_table.c), *ret_n rows in no particular order. */
const struct filter_row *filter_rows(size_t *ret_n);

struct filter_options {
    bool listener;     /* false at level preload: nobody is there to notify */
    bool notify_reads; /* no FUSE: opens for reading are notified, too */
};

struct filter_program {
    const struct sock_filter *at; /* a constant */
    size_t n;
};

struct filter_program filter_program_for(const struct filter_options *o);

/* What the table says of a number; NULL: not known here. */
const struct filter_row *filter_row_of(int nr);
/* The kernel's name of a number, "?" when not known. */
const char *filter_call_name(int nr);

/* Does the kernel give this call to nobody without a capability (EPERM)?  Not
 * those that also have uses for anybody (bpf, open_tree). */
bool filter_is_privileged(int nr);

/* Names of all rows with FILTER_ENOSYS, NULL-terminated, for "start". */
const char *const *filter_silent_calls(void);

#endif
