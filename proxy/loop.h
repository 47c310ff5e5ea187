/*
 * The event loop: level-triggered, one thread, callbacks never block.
 *
 * A watch and a timer are embedded in their owner; the loop never allocates
 * for them.  Everything here, proxy_loop_stop() too, is called from the thread
 * that runs the loop, or before it runs; other threads and signals wake it
 * through a descriptor that it watches.  A removed watch is only marked: its owner may free its memory
 * through proxy_loop_defer(), after the batch of events at hand.
 * HUP and ERR are delivered as readable and writable; end of stream is learned
 * from read(2) returning 0, never from a flag.
 */
#ifndef SRT_PROXY_LOOP_H
#define SRT_PROXY_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum {
    PROXY_LOOP_READ = 1,
    PROXY_LOOP_WRITE = 2,
};

struct proxy_loop;
struct proxy_watch;
struct proxy_timer;
typedef void proxy_watch_fn(struct proxy_watch *w, unsigned ready);
typedef void proxy_timer_fn(struct proxy_timer *t);
typedef void proxy_defer_fn(void *what);

struct proxy_watch {
    proxy_watch_fn *fn; /* set by the owner before proxy_loop_add() */
    int fd;             /* borrowed; -1: not in the loop */
    unsigned interest;  /* PROXY_LOOP_READ | PROXY_LOOP_WRITE, 0: paused */
    struct proxy_loop *loop;
};

struct proxy_timer {
    proxy_timer_fn *fn;
    uint64_t at_ms; /* 0: not pending */
    uint32_t heap_index;
    struct proxy_loop *loop;
};

enum srt_rc proxy_loop_new(struct proxy_loop **ret,
                           struct srt_err *err) SRT_MUST_CHECK;
void proxy_loop_free(struct proxy_loop *l);

/* Start watching fd (non-blocking).  SRT_E_SYS when the kernel refuses. */
enum srt_rc proxy_loop_add(struct proxy_loop *l, struct proxy_watch *w, int fd,
                           unsigned interest,
                           struct srt_err *err) SRT_MUST_CHECK;
/* Change what is watched; no call is made when nothing changes. */
void proxy_loop_set(struct proxy_watch *w, unsigned interest);
/* Stop watching; the descriptor stays the owner's.  No-op if not added. */
void proxy_loop_remove(struct proxy_watch *w);

/* Longest delay: one day. */
#define PROXY_TIMER_MAX_MS UINT64_C(86400000)

/* Call t->fn(t) once, at least delay_ms (0..PROXY_TIMER_MAX_MS; more is an
 * assertion that fails) after the current iteration began; starting a pending
 * timer moves it.  Cost: log of
 * the timers pending.  The heap behind it may allocate: false when it cannot. */
bool proxy_loop_after(struct proxy_loop *l, struct proxy_timer *t,
                      uint32_t delay_ms) SRT_MUST_CHECK;
void proxy_loop_cancel(struct proxy_timer *t);

/* Call fn(what) after the current batch (to free a watch's owner). */
void proxy_loop_defer(struct proxy_loop *l, proxy_defer_fn *fn, void *what);

/* Milliseconds, CLOCK_MONOTONIC, sampled once per iteration. */
uint64_t proxy_loop_now(const struct proxy_loop *l);

/* Run until proxy_loop_stop(); one iteration with proxy_loop_step(), which
 * waits at most max_wait_ms (-1: no bound). */
enum srt_rc proxy_loop_run(struct proxy_loop *l,
                           struct srt_err *err) SRT_MUST_CHECK;
enum srt_rc proxy_loop_step(struct proxy_loop *l, int max_wait_ms,
                            struct srt_err *err) SRT_MUST_CHECK;
void proxy_loop_stop(struct proxy_loop *l);

#endif
