/* Crews: the work goes on while members hang, and each finishes what it had
 * begun. */
#include <errno.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "launcher/linux/crew.h"

/* Jobs 0..n-1 in order; those below `hangs` wait for `release`. */
struct work {
    struct crew crew;
    pthread_cond_t more;
    sem_t done, release;
    unsigned next, n, hangs, finished, overtaken;
    bool rests; /* wait outside of the turn, as for poll(2) */
};

static void round_of_work(void *ctx)
{
    struct work *w = ctx;
    unsigned mine;

    if (w->next == w->n) {
        if (!w->rests) {
            (void)pthread_cond_wait(&w->more, &w->crew.turn);
            return;
        }
        crew_rest(&w->crew);
        (void)usleep(1000);
        crew_resume(&w->crew);
        return;
    }
    mine = w->next++;
    crew_leave(&w->crew);
    crew_leave(&w->crew); /* inside itself */
    if (mine < w->hangs)
        while (sem_wait(&w->release) != 0)
            ;
    errno = EXDEV;
    crew_return(&w->crew);
    crew_return(&w->crew);
    assert_int_equal(errno, EXDEV);
    w->finished++;
    w->overtaken += !crew_leads(&w->crew);
    (void)sem_post(&w->done);
}

static void start(struct work *w, unsigned n, unsigned hangs, bool rests)
{
    memset(w, 0, sizeof(*w));
    w->hangs = hangs;
    w->n = n;
    w->rests = rests;
    (void)pthread_cond_init(&w->more, NULL);
    assert_int_equal(sem_init(&w->done, 0, 0), 0);
    assert_int_equal(sem_init(&w->release, 0, 0), 0);
    crew_init(&w->crew, round_of_work, w, 256 << 10);
    assert_int_equal(crew_start(&w->crew), 0);
}

static bool wait_done(struct work *w, unsigned n)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 20;
    for (unsigned i = 0; i < n; i++)
        while (sem_timedwait(&w->done, &until) != 0)
            if (errno != EINTR)
                return false;
    return true;
}

static bool end(struct work *w)
{
    crew_lock(&w->crew);
    crew_stop(&w->crew);
    (void)pthread_cond_broadcast(&w->more);
    crew_unlock(&w->crew);
    return crew_end(&w->crew, 5000);
}

static void test_nothing_hangs(void **state)
{
    struct work w;

    (void)state;
    start(&w, 20000, 0, false);
    assert_true(wait_done(&w, 20000));
    assert_true(end(&w));
    assert_int_equal(w.finished, 20000);
}

static void test_members_that_hang_stop_nobody(void **state)
{
    const unsigned hangs = 5;
    struct work w;

    (void)state;
    start(&w, 100, hangs, false);
    assert_true(wait_done(&w, 100 - hangs)); /* all others, meanwhile */
    crew_lock(&w.crew);
    assert_int_equal(w.finished, 100 - hangs);
    assert_int_equal(w.crew.members, hangs + 2);
    crew_unlock(&w.crew);
    for (unsigned i = 0; i < hangs; i++)
        (void)sem_post(&w.release);
    assert_true(wait_done(&w, hangs));
    assert_true(end(&w));
    assert_int_equal(w.finished, 100);
    assert_int_equal(w.overtaken, hangs);
}

static void test_there_is_a_limit(void **state)
{
    struct work w;

    (void)state;
    start(&w, CREW_MAX + 10, CREW_MAX + 10, false);
    for (int i = 0; i < 200 && w.crew.members < CREW_MAX; i++)
        (void)usleep(20000);
    (void)usleep(100000);
    crew_lock(&w.crew);
    assert_int_equal(w.crew.members, CREW_MAX);
    assert_int_equal(w.next, CREW_MAX);
    crew_unlock(&w.crew);
    assert_false(crew_end(&w.crew, 10)); /* they hang still */
    for (int i = 0; i < CREW_MAX + 10; i++)
        (void)sem_post(&w.release);
    assert_true(crew_end(&w.crew, 5000));
    assert_int_equal(w.finished, CREW_MAX);
}

static void test_who_rests_is_not_overtaken(void **state)
{
    struct work w;

    (void)state;
    start(&w, 10, 0, true);
    assert_true(wait_done(&w, 10));
    (void)usleep(100000);
    crew_lock(&w.crew);
    assert_true(w.crew.members <= 2);
    assert_int_equal(w.crew.leader, 1);
    crew_unlock(&w.crew);
    assert_true(end(&w));
    assert_int_equal(w.overtaken, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_hangs),
        cmocka_unit_test(test_members_that_hang_stop_nobody),
        cmocka_unit_test(test_there_is_a_limit),
        cmocka_unit_test(test_who_rests_is_not_overtaken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
