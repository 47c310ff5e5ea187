/*
 * Signals of the launcher: what was sent to srt with kill(2) goes on to the
 * command; what the terminal sends reaches the command by itself, since it is
 * in the same process group.
 */
#ifndef SRT_LAUNCHER_LINUX_SIGNALS_H
#define SRT_LAUNCHER_LINUX_SIGNALS_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "proxy/loop.h"

/* How often a command on a terminal is looked at. */
#define SIGNALS_LOOK_MS 300

/* A chance to clean up, after the first TERM or HUP. */
#define SIGNALS_GRACE_MS 10000

struct signals {
    struct proxy_watch watch;
    struct proxy_timer grace;
    struct proxy_timer look; /* has the command stopped itself? */
    int fd;
    pid_t bwrap;   /* killed when the grace is over; the tree goes along */
    pid_t command; /* host pid; 0: not known yet */
    sigset_t before;
    unsigned terms; /* TERM and HUP so far */
    int pending;    /* one that came before the command was known */
};

/* Block them, from now on; before any process is started. */
void signals_block(struct signals *s);
enum srt_rc signals_watch(struct signals *s, struct proxy_loop *loop,
                          pid_t bwrap, struct srt_err *err) SRT_MUST_CHECK;
/* The command runs. */
void signals_command(struct signals *s, pid_t command);
void signals_release(struct signals *s);

#endif
