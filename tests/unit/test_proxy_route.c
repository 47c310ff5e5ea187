/* Connections that the supervisor hands over (proxy/route.c): what is told when
 * one that the policy allows comes to nothing inside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "base/fd.h"
#include "tests/unit/proxy_bench.h"

#define POLICY                                                                 \
 "{\"network\":{\"allowedAddresses\":[\"127.0.0.1:S\",\"127.0.0.1:C\"]}}"

static struct bench b;
static int verdict, dialed; /* -1: not yet */

static void on_verdict(void *ctx, uint64_t id, int err)
{
    (void)ctx;
    (void)id;
    verdict = err;
}

static void on_dialed(void *ctx, uint64_t id, int err)
{
    (void)ctx;
    (void)id;
    dialed = err;
}

/* The loop is this thread's alone: its calls are not for others. */
static int begin(void **state)
{
    (void)state;
    bench_start(&b, POLICY);
    atomic_store(&b.stop, true);
    pthread_join(b.thread, NULL);
    b.proxy->ops.verdict = on_verdict;
    b.proxy->ops.dialed = on_dialed;
    verdict = dialed = -1;
    return 0;
}

static int end(void **state)
{
    (void)state;
    atomic_store(&b.stop, false);
    assert_int_equal(pthread_create(&b.thread, NULL, bench_run, &b), 0);
    bench_stop(&b);
    return 0;
}

static void connect_to(uint64_t id, uint16_t port)
{
    const struct policy_addr a = {.family = 4, .bytes = {127, 0, 0, 1}};

    proxy_route_connect(b.proxy, id, 77, a, port, true);
}

static void wait_dialed(void)
{
    struct srt_err err;

    for (int i = 0; i < BENCH_WAIT_MS / 20 && dialed < 0; i++)
        assert_int_equal(proxy_loop_step(b.loop, 20, &err), SRT_OK);
}

static void test_given_up_is_silent(void **state)
{
    struct bench_event e;

    (void)state;
    connect_to(1, b.server_port);
    wait_dialed();
    assert_int_equal(dialed, 0);
    proxy_route_cancel(b.proxy, 1, 0);
    proxy_route_cancel(b.proxy, 1, EMFILE); /* it is forgotten */
    assert_int_equal(bench_take_events(&b, &e), 0);
}

static void test_failed_inside_is_told(void **state)
{
    struct bench_event e = {.err = 0};

    (void)state;
    connect_to(2, b.server_port);
    wait_dialed();
    proxy_route_cancel(b.proxy, 2, EMFILE);
    assert_int_equal(bench_take_events(&b, &e), 1);
    assert_true(e.allowed);
    assert_int_equal(e.err, EMFILE);
    assert_int_equal(e.port, b.server_port);
    assert_string_equal(e.host, "127.0.0.1");
    assert_string_equal(e.rule, "/network/allowedAddresses/0");
}

/* The host's own failure is the program's to have, and no event. */
static void test_host_failure_is_silent(void **state)
{
    struct bench_event e;

    (void)state;
    connect_to(3, b.closed_port);
    wait_dialed();
    assert_int_equal(dialed, ECONNREFUSED);
    assert_int_equal(bench_take_events(&b, &e), 0);
}

/* A caller that is connected already (a non-blocking one) hears of a failed dial
 * by a reset, not by an orderly end. */
static void test_failed_dial_resets(void **state)
{
    const struct policy_addr a = {.family = 4, .bytes = {127, 0, 0, 1}};
    uint16_t port;
    int listener = bench_socket(SOCK_STREAM, &port);
    int caller;
    int accepted;
    char byte;
    struct srt_err err;

    (void)state;
    assert_int_equal(listen(listener, 1), 0);
    caller = bench_dial(port);
    accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    assert_true(accepted >= 0);
    proxy_route_connect(b.proxy, 6, 77, a, b.closed_port, false);
    proxy_route_tunnel(b.proxy, 6, accepted);
    for (int i = 0; i < BENCH_WAIT_MS / 20 && b.proxy->connections > 0; i++)
        assert_int_equal(proxy_loop_step(b.loop, 20, &err), SRT_OK);
    assert_int_equal(recv(caller, &byte, 1, 0), -1);
    assert_int_equal(errno, ECONNRESET);
    (void)close(caller);
    (void)close(listener);
}

static void test_lack_of_our_own_is_told(void **state)
{
    struct bench_event e = {.err = 0};
    struct rlimit old;
    struct rlimit none;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    none = (struct rlimit){.rlim_cur = 3, .rlim_max = old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    connect_to(4, b.server_port);
    wait_dialed();
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(dialed, EMFILE);
    assert_int_equal(bench_take_events(&b, &e), 1);
    assert_true(e.allowed);
    assert_int_equal(e.err, EMFILE);
}

static void test_refused_is_no_warning(void **state)
{
    const struct policy_addr a = {.family = 4, .bytes = {203, 0, 113, 5}};
    struct bench_event e = {.allowed = true};

    (void)state;
    proxy_route_connect(b.proxy, 5, 77, a, 80, true);
    assert_int_equal(verdict, EACCES);
    assert_int_equal(bench_take_events(&b, &e), 1);
    assert_false(e.allowed);
    assert_int_equal(e.err, EACCES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_given_up_is_silent, begin, end),
        cmocka_unit_test_setup_teardown(test_failed_inside_is_told, begin, end),
        cmocka_unit_test_setup_teardown(test_host_failure_is_silent, begin,
                                        end),
        cmocka_unit_test_setup_teardown(test_failed_dial_resets, begin, end),
        cmocka_unit_test_setup_teardown(test_lack_of_our_own_is_told, begin,
                                        end),
        cmocka_unit_test_setup_teardown(test_refused_is_no_warning, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
