#include "launcher/linux/crew.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#include "vendor/compat.h"

/* The thread's number in its crew; it is in one at most. */
static _Thread_local unsigned self;
static _Thread_local unsigned depth; /* of crew_leave() */

void crew_init(struct crew *c, crew_fn *round, void *ctx, size_t stack_bytes)
{
    *c = (struct crew){.round = round, .ctx = ctx, .stack_bytes = stack_bytes};
    (void)pthread_mutex_init(&c->turn, NULL);
    vnd_cond_init(&c->look);
    vnd_cond_init(&c->changed);
}

static void take_the_lead(struct crew *c)
{
    c->leader = self;
    c->standby = 0;
    c->away = false;
    (void)pthread_cond_broadcast(&c->changed); /* a new standby is wanted */
}

/* Look whether the leader is in one step for a whole period; sleep while it
 * begins none.  Returns when this member leads, or at the end. */
static void stand_by(struct crew *c)
{
    while (!c->ending) {
        const uint64_t steps = c->steps;
        const struct timespec until = vnd_in_ms(CREW_STUCK_MS);

        while (!c->ending && pthread_cond_timedwait(&c->changed, &c->turn,
                                                    &until) != ETIMEDOUT)
            ;
        if (c->ending || c->steps != steps)
            continue;
        if (c->away) {
            take_the_lead(c);
            return;
        }
        c->asleep = true;
        (void)pthread_cond_wait(&c->look, &c->turn);
        c->asleep = false;
    }
}

/* With the turn. */
static void live(struct crew *c)
{
    self = ++c->numbers;
    if (c->leader == 0)
        c->leader = self;
    while (!c->ending) {
        if (c->leader == self) {
            c->round(c->ctx);
        } else if (c->standby == 0) {
            c->standby = self;
            stand_by(c);
        } else {
            c->waiting++;
            (void)pthread_cond_wait(&c->changed, &c->turn);
            c->waiting--;
        }
    }
    c->members--;
    (void)pthread_cond_broadcast(&c->changed);
}

static void *run_member(void *arg)
{
    struct crew *c = arg;

    (void)pthread_mutex_lock(&c->turn);
    c->coming = false;
    live(c);
    (void)pthread_mutex_unlock(&c->turn);
    return NULL;
}

/* 0 or an errno. */
static int add_member(struct crew *c)
{
    pthread_attr_t attr;
    pthread_t thread;
    sigset_t all, before;
    int err = pthread_attr_init(&attr);

    if (err != 0)
        return err;
    (void)pthread_attr_setstacksize(&attr, c->stack_bytes);
    (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    err = pthread_create(&thread, &attr, run_member, c);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attr);
    c->coming = err == 0;
    c->members += err == 0;
    return err;
}

void crew_run(struct crew *c)
{
    (void)pthread_mutex_lock(&c->turn);
    c->members++;
    live(c);
    (void)pthread_mutex_unlock(&c->turn);
}

int crew_start(struct crew *c)
{
    int err;

    (void)pthread_mutex_lock(&c->turn);
    err = add_member(c);
    (void)pthread_mutex_unlock(&c->turn);
    return err;
}

void crew_leave(struct crew *c)
{
    if (depth++ > 0)
        return;
    if (c->leader == self) {
        c->steps++;
        c->away = true;
        if (c->asleep)
            (void)pthread_cond_signal(&c->look);
        /* Without one (no memory), this step is the work's last if it hangs;
         * the next tries again. */
        if (c->standby == 0 && c->waiting == 0 && !c->coming &&
            c->members < CREW_MAX)
            (void)add_member(c);
    }
    (void)pthread_mutex_unlock(&c->turn);
}

void crew_return(struct crew *c)
{
    const int saved = errno;

    if (--depth > 0)
        return;
    (void)pthread_mutex_lock(&c->turn);
    if (c->leader == self)
        c->away = false;
    errno = saved;
}

void crew_rest(struct crew *c)
{
    (void)pthread_mutex_unlock(&c->turn);
}

void crew_resume(struct crew *c)
{
    (void)pthread_mutex_lock(&c->turn);
}

bool crew_leads(const struct crew *c)
{
    return c->leader == self;
}

void crew_lock(struct crew *c)
{
    (void)pthread_mutex_lock(&c->turn);
}

void crew_unlock(struct crew *c)
{
    (void)pthread_mutex_unlock(&c->turn);
}

void crew_stop(struct crew *c)
{
    c->ending = true;
    (void)pthread_cond_broadcast(&c->look);
    (void)pthread_cond_broadcast(&c->changed);
}

bool crew_end(struct crew *c, unsigned wait_ms)
{
    const struct timespec until = vnd_in_ms(wait_ms);
    bool done;
    int err = 0;

    (void)pthread_mutex_lock(&c->turn);
    crew_stop(c);
    while (err == 0 && c->members > 0)
        err = pthread_cond_timedwait(&c->changed, &c->turn, &until);
    done = c->members == 0;
    (void)pthread_mutex_unlock(&c->turn);
    if (!done)
        return false;
    (void)pthread_mutex_destroy(&c->turn);
    (void)pthread_cond_destroy(&c->look);
    (void)pthread_cond_destroy(&c->changed);
    return true;
}
