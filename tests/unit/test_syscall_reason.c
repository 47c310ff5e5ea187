/* What people read of a refused system call. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/macros.h"
#include "launcher/linux/syscall_reason.h"

static void test_rows(void **state)
{
    static const struct {
        int nr;
        const char *target, *want;
    } rows[] = {
        {SYS_socket, "socket(AF_UNIX, 2, 0)",
         "Unix datagram sockets are not available inside"},
        {SYS_socketpair, "socketpair(AF_UNIX, 2, 0)",
         "Unix datagram sockets are not available inside"},
        {SYS_socket, "socket(AF_PACKET, 3, 0)",
         "packet sockets are not available inside"},
        {SYS_socket, "socket(44, 1, 0)",
         "sockets of this family are not available inside"},
        {SYS_unshare, "unshare(0x10020000)",
         "new user namespaces are not available inside"},
        {SYS_clone, "clone(0x20000011)",
         "new PID namespaces are not available inside"},
        {SYS_ioctl, "ioctl(0x5412)",
         "requests that type into the terminal (TIOCSTI) are not available "
         "inside"},
        {SYS_bpf, "bpf",
         "bpf is not available inside (loads code into the kernel)"},
        {-1, "?", "this system call is not available inside"},
    };

    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(rows); i++) {
        char text[256];

        syscall_reason(rows[i].nr, rows[i].target, text, sizeof(text));
        assert_string_equal(text, rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
