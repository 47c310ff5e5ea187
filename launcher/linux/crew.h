/*
 * A crew: threads that take turns at one piece of work whose steps may hang
 * (a file system whose server is gone).  One member leads; when a step of its
 * hangs, the standby takes the lead and the work goes on.
 *
 * The turn is a lock.  Whoever holds it may touch what the members share; a
 * round of work has it but for two pairs:
 *
 *   crew_leave .. crew_return   a step that may hang.  After 20 to 40 ms the
 *                               standby takes the lead; who returns without it
 *                               finishes its round, and waits to be needed.
 *   crew_rest .. crew_resume    waiting for work: nobody takes over.
 *
 * The first pair may stand inside itself: the outermost counts.
 *
 * A member that hangs costs a thread until it returns.  There are CREW_MAX at
 * most; when all of them hang, the work waits for one.
 */
#ifndef SRT_LAUNCHER_LINUX_CREW_H
#define SRT_LAUNCHER_LINUX_CREW_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CREW_MAX = 32, CREW_STUCK_MS = 20 };

/* One round of the work, called again and again by the leader, with the turn.
 * Its pairs must be closed when it returns. */
typedef void crew_fn(void *ctx);

struct crew {
    crew_fn *round;
    void *ctx;
    size_t stack_bytes; /* of a new thread */
    pthread_mutex_t turn;
    pthread_cond_t look;    /* the standby's, asleep */
    pthread_cond_t changed; /* everyone else's */
    uint64_t steps;         /* that may hang, begun so far */
    unsigned members;       /* threads */
    unsigned numbers;       /* given to members so far, from 1 */
    unsigned leader;        /* a number */
    unsigned standby;       /* a number, 0: none */
    unsigned waiting;       /* members that wait to be needed */
    bool coming;            /* a thread that was made, and is no member yet */
    bool away;              /* the leader is in a step that may hang */
    bool asleep;            /* the standby does not look */
    bool ending;
};

/* Set up in the caller's memory, which must stay until crew_end() says true. */
void crew_init(struct crew *c, crew_fn *round, void *ctx, size_t stack_bytes);

/* Lead from this thread; returns after crew_stop(). */
void crew_run(struct crew *c);
/* Lead from a thread made for it, all signals blocked.  0 or an errno. */
int crew_start(struct crew *c);

/* In a round: the two pairs. */
void crew_leave(struct crew *c);
void crew_return(struct crew *c);
void crew_rest(struct crew *c);
void crew_resume(struct crew *c);

/* In a round: does this thread lead?  Not if it was overtaken. */
bool crew_leads(const struct crew *c);

/* From outside: take the turn to touch what is shared; give it back. */
void crew_lock(struct crew *c);
void crew_unlock(struct crew *c);

/* With the turn: no more rounds.  Who rests must be woken by the caller. */
void crew_stop(struct crew *c);

/*
 * From outside, without the turn: stop, and wait at most wait_ms for the
 * members.  True: all have ended, and *c is released.  False: some hang still,
 * and neither *c nor what a round uses may be freed.
 */
bool crew_end(struct crew *c, unsigned wait_ms);

#endif
