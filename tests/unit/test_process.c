/* Who did it: from /proc and sock_diag, for processes of our own. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/macros.h"
#include "launcher/linux/annotation.h"
#include "launcher/linux/process.h"
#include "shim/note.h"

static void test_self(void **state)
{
    struct events_process p;
    char exe[1024] = "";

    (void)state;
    process_describe(getpid(), &p);
    assert_true(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
    assert_int_equal(p.host_pid, getpid());
    assert_int_equal(p.tid, 0);
    assert_true(p.pid > 0);
    assert_string_equal(p.exe, exe);
    assert_string_equal(p.cwd, getcwd(exe, sizeof(exe)));
    assert_true(p.argv_len > 0);
}

static void test_gone(void **state)
{
    struct events_process p;

    (void)state;
    process_describe(0x3fffffff, &p);
    assert_int_equal(p.pid, 0);
    assert_string_equal(p.exe, "");
}

static void *describe_thread(void *arg)
{
    process_describe((pid_t)syscall(SYS_gettid), arg);
    return NULL;
}

static void test_thread(void **state)
{
    struct events_process p;
    pthread_t t;

    (void)state;
    assert_int_equal(pthread_create(&t, NULL, describe_thread, &p), 0);
    (void)pthread_join(t, NULL);
    assert_int_equal(p.host_pid, getpid());
    assert_int_equal(p.pid, getpid());
    assert_true(p.tid > 0 && p.tid != p.pid);
}

#define RUN UINT64_C(0x1122334455667788)

/* A child blocked in read(2) with a note on its stack. */
static pid_t start_noting(uint64_t run, uint64_t caller)
{
    int p[2], ready[2];
    pid_t child;
    char c;

    assert_int_equal(pipe(p), 0);
    assert_int_equal(pipe(ready), 0);
    child = fork();
    if (child == 0) {
        volatile struct shim_note note = {
            .magic = SHIM_NOTE_MAGIC, .run = run, .caller = caller};

        (void)!write(ready[1], "r", 1);
        (void)!read(p[0], &c, 1);
        _exit(note.magic != 0);
    }
    (void)!read(ready[0], &c, 1);
    (void)usleep(50000);
    (void)close(p[0]);
    (void)close(ready[0]);
    (void)close(ready[1]);
    return child;
}

static void test_annotation(void **state)
{
    const uint64_t code = (uint64_t)(uintptr_t)&start_noting + 4;

    const struct {
        uint64_t run;
        uint64_t caller;
        bool noted;
    } rows[] = {
        {RUN, code, true},
        {RUN + 1, code, false}, /* another run's */
        {RUN, 64, false},       /* no mapping */
        {RUN, UINT64_MAX - 2, false},
        {RUN, 0, false},
    };

    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(rows); i++) {
        pid_t child = start_noting(rows[i].run, rows[i].caller);
        struct events_process p;

        annotation_set_run(RUN);
        process_describe(child, &p);
        annotation_set_run(0);
        assert_int_equal(strstr(p.caller, "test_process+0x") != NULL,
                         rows[i].noted);
        assert_true(rows[i].noted || p.caller[0] == '\0');
        (void)kill(child, SIGKILL);
        (void)waitpid(child, NULL, 0);
    }
}

static const struct {
    int family, type, proto;
    int asked; /* family that the port is looked up for */
} sockets[] = {
    {AF_INET, SOCK_DGRAM, IPPROTO_UDP, AF_INET},
    {AF_INET, SOCK_STREAM, IPPROTO_TCP, AF_INET},
    {AF_INET6, SOCK_DGRAM, IPPROTO_UDP, AF_INET6},
    {AF_INET6, SOCK_STREAM, IPPROTO_TCP, AF_INET6},
    {AF_INET6, SOCK_DGRAM, IPPROTO_UDP, AF_INET}, /* dual-stack */
};

/* Bind to any port; listen, so that TCP shows up.  Returns the port. */
static uint16_t bind_socket(size_t i, int *ret_fd)
{
    struct sockaddr_in6 a = {.sin6_family = (sa_family_t)sockets[i].family};
    socklen_t len = sockets[i].family == AF_INET ? sizeof(struct sockaddr_in)
                                                 : sizeof(a);
    int fd = socket(sockets[i].family, sockets[i].type, 0);

    *ret_fd = fd;
    if (fd < 0 || bind(fd, (const struct sockaddr *)&a, len) != 0 ||
        (sockets[i].type == SOCK_STREAM && listen(fd, 1) != 0) ||
        getsockname(fd, (struct sockaddr *)&a, &len) != 0)
        return 0;
    return ntohs(a.sin6_port); /* where sockaddr_in has it, too */
}

static void test_by_port(void **state)
{
    int diag = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

    (void)state;
    if (diag < 0)
        skip();
    for (size_t i = 0; i < SRT_ARRAY_LEN(sockets); i++) {
        int fd, told[2];
        uint16_t port;
        pid_t child, got;

        assert_int_equal(pipe(told), 0);
        child = fork();
        if (child == 0) {
            port = bind_socket(i, &fd);
            (void)!write(told[1], &port, sizeof(port));
            (void)pause();
            _exit(0);
        }
        assert_int_equal(read(told[0], &port, sizeof(port)), sizeof(port));
        got = process_by_port(diag, getpid(), sockets[i].asked,
                              sockets[i].proto, port);
        if (port != 0)
            assert_int_equal(got, child);
        assert_int_equal(process_by_port(diag, getpid(), sockets[i].asked,
                                         sockets[i].proto, 1),
                         0);
        (void)kill(child, SIGKILL);
        (void)waitpid(child, NULL, 0);
        (void)close(told[0]);
        (void)close(told[1]);
    }
    (void)close(diag);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_self),    cmocka_unit_test(test_gone),
        cmocka_unit_test(test_thread),  cmocka_unit_test(test_annotation),
        cmocka_unit_test(test_by_port),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
