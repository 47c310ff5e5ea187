/*
 * epoll(7), level-triggered.  One batch of events at a time; within it, a
 * watch that was removed or whose interest changed is respected because the
 * dispatch looks at the watch, not at what was returned: a removed watch has
 * fd -1, and its memory lives until the deferred frees run after the batch.
 */
#include "proxy/loop.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/fd.h"

enum { BATCH = 64, DEFER_FIRST = 64, HEAP_FIRST = 64 };

struct deferred {
    proxy_defer_fn *fn;
    void *what;
};

struct proxy_loop {
    int fd;
    bool stopping;
    uint64_t now_ms;
    struct proxy_timer **heap; /* owned; a binary heap by at_ms, from 1 */
    uint32_t ntimers, heap_cap;
    struct deferred *deferred; /* owned */
    size_t ndeferred, deferred_cap;
};

enum srt_rc proxy_loop_new(struct proxy_loop **ret, struct srt_err *err)
{
    struct proxy_loop *l = calloc(1, sizeof(*l));

    if (l == NULL)
        return srt_err_sys(err, ENOMEM, "event loop");
    l->fd = epoll_create1(EPOLL_CLOEXEC);
    if (l->fd < 0) {
        free(l);
        return srt_err_sys(err, errno, "epoll_create1");
    }
    l->now_ms = srt_clock_ms();
    *ret = l;
    return SRT_OK;
}

static void run_deferred(struct proxy_loop *l)
{
    /* A deferred call may defer again; those run in the same round. */
    for (size_t i = 0; i < l->ndeferred; i++)
        l->deferred[i].fn(l->deferred[i].what);
    l->ndeferred = 0;
}

void proxy_loop_free(struct proxy_loop *l)
{
    if (l == NULL)
        return;
    run_deferred(l);
    srt_fd_close(&l->fd);
    free(l->heap);
    free(l->deferred);
    free(l);
}

static uint32_t epoll_bits(unsigned interest)
{
    return ((interest & PROXY_LOOP_READ) != 0 ? (uint32_t)EPOLLIN : 0) |
           ((interest & PROXY_LOOP_WRITE) != 0 ? (uint32_t)EPOLLOUT : 0);
}

enum srt_rc proxy_loop_add(struct proxy_loop *l, struct proxy_watch *w, int fd,
                           unsigned interest, struct srt_err *err)
{
    struct epoll_event e = {.events = epoll_bits(interest), .data.ptr = w};

    if (epoll_ctl(l->fd, EPOLL_CTL_ADD, fd, &e) != 0) {
        w->fd = -1;
        w->loop = NULL;
        return srt_err_sys(err, errno, "watch descriptor %d", fd);
    }
    w->fd = fd;
    w->interest = interest;
    w->loop = l;
    return SRT_OK;
}

void proxy_loop_set(struct proxy_watch *w, unsigned interest)
{
    struct epoll_event e = {.events = epoll_bits(interest), .data.ptr = w};

    if (w->loop == NULL || w->fd < 0 || w->interest == interest)
        return;
    w->interest = interest;
    /* Fails only for a descriptor that is not watched: a bug of ours. */
    if (epoll_ctl(w->loop->fd, EPOLL_CTL_MOD, w->fd, &e) != 0)
        assert(false);
}

void proxy_loop_remove(struct proxy_watch *w)
{
    if (w->loop == NULL || w->fd < 0)
        return;
    (void)epoll_ctl(w->loop->fd, EPOLL_CTL_DEL, w->fd, NULL);
    w->fd = -1;
    w->interest = 0;
    w->loop = NULL;
}

/* ---- timers: a binary heap whose members know their place ---- */

static void put(struct proxy_loop *l, uint32_t i, struct proxy_timer *t)
{
    l->heap[i] = t;
    t->heap_index = i;
}

static void sift_up(struct proxy_loop *l, uint32_t i)
{
    struct proxy_timer *t = l->heap[i];

    while (i > 1 && l->heap[i / 2]->at_ms > t->at_ms) {
        put(l, i, l->heap[i / 2]);
        i /= 2;
    }
    put(l, i, t);
}

static void sift_down(struct proxy_loop *l, uint32_t i)
{
    struct proxy_timer *t = l->heap[i];

    for (;;) {
        uint32_t child = 2 * i;

        if (child > l->ntimers)
            break;
        if (child < l->ntimers &&
            l->heap[child + 1]->at_ms < l->heap[child]->at_ms)
            child++;
        if (l->heap[child]->at_ms >= t->at_ms)
            break;
        put(l, i, l->heap[child]);
        i = child;
    }
    put(l, i, t);
}

static bool reserve_timer(struct proxy_loop *l)
{
    uint32_t cap = l->heap_cap != 0 ? l->heap_cap * 2 : HEAP_FIRST;
    struct proxy_timer **grown;

    if (l->ntimers + 2 <= l->heap_cap)
        return true;
    grown = realloc(l->heap, cap * sizeof(struct proxy_timer *));
    if (grown == NULL)
        return false;
    l->heap = grown;
    l->heap_cap = cap;
    return true;
}

bool proxy_loop_after(struct proxy_loop *l, struct proxy_timer *t,
                      uint32_t delay_ms)
{
    assert(delay_ms <= PROXY_TIMER_MAX_MS);
    proxy_loop_cancel(t);
    if (!reserve_timer(l))
        return false;
    t->loop = l;
    t->at_ms = l->now_ms + delay_ms;
    put(l, ++l->ntimers, t);
    sift_up(l, l->ntimers);
    return true;
}

void proxy_loop_cancel(struct proxy_timer *t)
{
    struct proxy_loop *l = t->loop;
    uint32_t i = t->heap_index;

    if (t->at_ms == 0 || l == NULL)
        return;
    t->at_ms = 0;
    if (i != l->ntimers) {
        put(l, i, l->heap[l->ntimers]);
        l->ntimers--;
        sift_up(l, i);
        sift_down(l, l->heap[i]->heap_index);
    } else {
        l->ntimers--;
    }
}

static void run_timers(struct proxy_loop *l)
{
    while (l->ntimers > 0 && l->heap[1]->at_ms <= l->now_ms) {
        struct proxy_timer *t = l->heap[1];

        proxy_loop_cancel(t);
        t->fn(t);
    }
}

void proxy_loop_defer(struct proxy_loop *l, proxy_defer_fn *fn, void *what)
{
    if (l->ndeferred == l->deferred_cap) {
        size_t cap = l->deferred_cap != 0 ? l->deferred_cap * 2 : DEFER_FIRST;
        struct deferred *grown = realloc(l->deferred, cap * sizeof(*grown));

        if (grown == NULL)
            return; /* it leaks; freeing now could be a use after free */
        l->deferred = grown;
        l->deferred_cap = cap;
    }
    l->deferred[l->ndeferred++] = (struct deferred){fn, what};
}

uint64_t proxy_loop_now(const struct proxy_loop *l)
{
    return l->now_ms;
}

static int wait_ms(const struct proxy_loop *l, int max_wait_ms)
{
    uint64_t now = srt_clock_ms();
    uint64_t wait;

    if (l->ntimers == 0)
        return max_wait_ms;
    wait = l->heap[1]->at_ms > now ? l->heap[1]->at_ms - now : 0;
    if (wait > PROXY_TIMER_MAX_MS)
        wait = PROXY_TIMER_MAX_MS;
    return max_wait_ms < 0 || (int)wait < max_wait_ms ? (int)wait : max_wait_ms;
}

static void dispatch(const struct epoll_event *e)
{
    struct proxy_watch *w = e->data.ptr;
    unsigned ready = 0;

    if ((e->events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
        ready |= PROXY_LOOP_READ;
    if ((e->events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0)
        ready |= PROXY_LOOP_WRITE;
    /* HUP is reported to a paused watch, too: it would spin, so its owner is
     * told whatever it waits for. */
    if (w->interest != 0)
        ready &= w->interest;
    if (w->fd >= 0 && ready != 0)
        w->fn(w, ready);
}

enum srt_rc proxy_loop_step(struct proxy_loop *l, int max_wait_ms,
                            struct srt_err *err)
{
    struct epoll_event events[BATCH];
    int n = epoll_wait(l->fd, events, BATCH, wait_ms(l, max_wait_ms));

    if (n < 0 && errno != EINTR)
        return srt_err_sys(err, errno, "epoll_wait");
    l->now_ms = srt_clock_ms();
    for (int i = 0; i < n; i++)
        dispatch(&events[i]);
    run_timers(l);
    run_deferred(l);
    return SRT_OK;
}

enum srt_rc proxy_loop_run(struct proxy_loop *l, struct srt_err *err)
{
    l->stopping = false;
    while (!l->stopping) {
        enum srt_rc rc = proxy_loop_step(l, -1, err);

        if (rc != SRT_OK)
            return rc;
    }
    return SRT_OK;
}

void proxy_loop_stop(struct proxy_loop *l)
{
    l->stopping = true;
}
