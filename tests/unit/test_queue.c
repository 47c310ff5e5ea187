/* Messages that wait for room in the channel (launcher/linux/queue.h). */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "launcher/linux/queue.h"

static struct channel_msg m;

static void make_pair(int pair[2])
{
    assert_int_equal(
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
}

/* Receive what is there; each must bear the next number. */
static void receive_all(int sock, uint32_t *next, size_t *ret_fds)
{
    int fds[SRT_FD_PASS_MAX];
    size_t nfds;

    while (channel_recv(sock, &m, fds, &nfds, MSG_DONTWAIT) == 1) {
        assert_int_equal(m.slot, (*next)++);
        *ret_fds += nfds;
        for (size_t i = 0; i < nfds; i++)
            srt_fd_close(&fds[i]);
    }
}

static void test_order_and_descriptors(void **state)
{
    enum { MESSAGES = 5000 };
    struct queue q = {0};
    uint32_t next = 0;
    size_t fds = 0;
    int pair[2];

    (void)state;
    make_pair(pair);
    for (uint32_t i = 0; i < MESSAGES; i++) {
        channel_msg_init(&m, CHANNEL_TUNNEL, i, 0);
        assert_int_equal(queue_send(&q, pair[0], &m, &pair[0], i % 100 == 0),
                         0);
    }
    assert_true(q.n > 0 && q.full);
    while (q.head != NULL) {
        receive_all(pair[1], &next, &fds);
        assert_int_equal(queue_flush(&q, pair[0]), 0);
    }
    receive_all(pair[1], &next, &fds);
    assert_int_equal(next, MESSAGES);
    assert_int_equal(fds, MESSAGES / 100);
    assert_true(q.n == 0 && q.nfds == 0 && !q.full);
    (void)close(pair[0]);
    (void)close(pair[1]);
}

static void test_most_that_may_wait(void **state)
{
    struct queue q = {0};

    (void)state;
    channel_msg_init(&m, CHANNEL_WARNING, 0, 0);
    for (int i = 0; i < QUEUE_MAX; i++)
        assert_int_equal(queue_add(&q, &m, NULL, 0), 0);
    assert_int_equal(queue_add(&q, &m, NULL, 0), ENOBUFS);
    queue_clear(&q);
    assert_true(q.head == NULL && q.n == 0);
}

static void test_other_errors_are_told(void **state)
{
    struct queue q = {0};
    struct rlimit before;
    struct rlimit none;
    int pair[2];

    (void)state;
    make_pair(pair);
    channel_msg_init(&m, CHANNEL_TUNNEL, 0, 0);
    (void)close(pair[1]);
    assert_int_equal(queue_send(&q, pair[0], &m, NULL, 0), EPIPE);
    assert_int_equal(queue_add(&q, &m, NULL, 0), 0);
    assert_int_equal(queue_flush(&q, pair[0]), EPIPE);
    queue_clear(&q);
    /* A descriptor that cannot be kept is not sent as another. */
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_true(queue_add(&q, &m, &pair[0], 1) != 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_true(q.head == NULL && q.n == 0 && q.nfds == 0);
    (void)close(pair[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_descriptors),
        cmocka_unit_test(test_most_that_may_wait),
        cmocka_unit_test(test_other_errors_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
