/* The seccomp table against the calls that libseccomp and this machine's
 * headers know, and the generated programs, interpreted here, against what the
 * table promises. */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "base/macros.h"
#include "launcher/linux/filter.h"

#if defined(__x86_64__)
# define ARCH    AUDIT_ARCH_X86_64
# define FOREIGN AUDIT_ARCH_I386
#else
# define ARCH    AUDIT_ARCH_AARCH64
# define FOREIGN AUDIT_ARCH_ARM
#endif
#define NO_SYS (SECCOMP_RET_ERRNO | ENOSYS)
#define NO_MAY (SECCOMP_RET_ERRNO | EPERM)
#define NOTIFY SECCOMP_RET_USER_NOTIF
#define ALLOW  SECCOMP_RET_ALLOW
#define HIGH   (UINT64_C(1) << 32)
#define NEWEST 511 /* above: one comparison */

/* ---- classic BPF, as the kernel runs it ---- */

static uint32_t load(const struct seccomp_data *d, uint32_t offset)
{
    uint32_t word;

    assert_true(offset % 4 == 0 && offset + 4 <= sizeof(*d));
    memcpy(&word, (const char *)d + offset, 4);
    return word;
}

static bool jumps(const struct sock_filter *f, uint32_t a)
{
    switch (f->code) {
    case BPF_JMP | BPF_JEQ | BPF_K:
        return a == f->k;
    case BPF_JMP | BPF_JGT | BPF_K:
        return a > f->k;
    case BPF_JMP | BPF_JGE | BPF_K:
        return a >= f->k;
    case BPF_JMP | BPF_JSET | BPF_K:
        return (a & f->k) != 0;
    default:
        fail_msg("instruction %#x", f->code);
        return false;
    }
}

static uint32_t run(struct filter_program p, const struct seccomp_data *d)
{
    uint32_t a = 0;

    for (size_t i = 0; i < p.n; i++) {
        const struct sock_filter *f = &p.at[i];

        if (f->code == (BPF_RET | BPF_K))
            return f->k;
        if (f->code == (BPF_LD | BPF_W | BPF_ABS))
            a = load(d, f->k);
        else if (f->code == (BPF_ALU | BPF_RSH | BPF_K))
            a >>= f->k;
        else if (f->code == (BPF_ALU | BPF_AND | BPF_K))
            a &= f->k;
        else if (f->code == (BPF_JMP | BPF_JA))
            i += f->k;
        else
            i += jumps(f, a) ? f->jt : f->jf;
    }
    fail_msg("the program has no end");
    return 0;
}

enum { FULL, READS, PRELOAD, PROGRAMS };

static const struct filter_options programs[PROGRAMS] = {
    [FULL] = {.listener = true},
    [READS] = {.listener = true, .notify_reads = true},
    [PRELOAD] = {.listener = false},
};
static const char *const program_names[PROGRAMS] = {"full", "reads", "preload"};

static uint32_t answer(int program, uint32_t arch, int nr,
                       const uint64_t args[6])
{
    struct seccomp_data d = {.nr = nr, .arch = arch};

    memcpy(d.args, args, sizeof(d.args));
    return run(filter_program_for(&programs[program]), &d);
}

/* Whatever the arguments are. */
static void expect_always(int program, uint32_t arch, int nr, uint32_t want,
                          const char *name)
{
    static const uint64_t edges[][6] = {
        {0, 0, 0, 0, 0, 0},
        {1, 1, 1, 1, 1, 1},
        {HIGH, HIGH, HIGH, HIGH, HIGH, HIGH},
        {INT32_MAX, INT32_MAX, INT32_MAX, INT32_MAX, INT32_MAX, INT32_MAX},
        {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX,
         UINT32_MAX},
        {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX,
         UINT64_MAX},
    };

    for (size_t i = 0; i < SRT_ARRAY_LEN(edges); i++) {
        uint32_t got = answer(program, arch, nr, edges[i]);

        if (got != want)
            fail_msg("%s: %s (%d), arguments %zu: %#x, want %#x",
                     program_names[program], name, nr, i, got, want);
    }
}

/* ---- the table ---- */

static const struct filter_row *row_named(const char *name)
{
    const struct filter_row *found = NULL;
    size_t n;
    const struct filter_row *rows = filter_rows(&n);

    for (size_t i = 0; i < n; i++)
        if (strcmp(rows[i].name, name) == 0) {
            if (found != NULL)
                fail_msg("'%s' stands twice", name);
            found = &rows[i];
        }
    return found;
}

static void test_libseccomp_knows_no_more(void **state)
{
    static const uint32_t arches[] = {SCMP_ARCH_X86_64, SCMP_ARCH_AARCH64};

    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(arches); i++)
        for (int nr = 0; nr <= NEWEST; nr++) {
            char *name = seccomp_syscall_resolve_num_arch(arches[i], nr);

            if (name != NULL && row_named(name) == NULL)
                fail_msg("%s (%d) is not in the table", name, nr);
            free(name);
        }
}

/* The file that tests/CMakeLists.txt makes of <asm/unistd.h>. */
static void test_headers_know_no_more(void **state)
{
    FILE *f = fopen(SRT_TEST_SYSCALLS, "r");
    char name[64];
    char value[64];
    size_t seen = 0;

    (void)state;
    assert_non_null(f);
    while (fscanf(f, " #define %63s%63[^\n]", name, value) == 2) {
        char *end;
        long nr = strtol(value, &end, 10);

        if (strncmp(name, "__NR_", 5) != 0 || end == value || *end != '\0')
            continue;
        seen++;
        if (row_named(name + 5) == NULL)
            fail_msg("%s (%ld) is not in the table", name + 5, nr);
        if (filter_row_of((int)nr) != NULL)
            assert_string_equal(filter_call_name((int)nr), name + 5);
    }
    (void)fclose(f);
    assert_true(seen > 250);
}

static void test_rows_are_calls(void **state)
{
    /* Newer than Debian 12's libseccomp: ENOSYS until it knows them. */
    static const char *const newer[] = {
        "cachestat",  "fchmodat2",  "map_shadow_stack",       "futex_requeue",
        "futex_wait", "futex_wake", "set_mempolicy_home_node"};
    size_t n;
    const struct filter_row *rows = filter_rows(&n);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        bool known = false;

        assert_ptr_equal(row_named(rows[i].name), &rows[i]);
        for (size_t k = 0; k < SRT_ARRAY_LEN(newer); k++)
            known |= strcmp(newer[k], rows[i].name) == 0;
        known |= seccomp_syscall_resolve_name_arch(SCMP_ARCH_X86_64,
                                                   rows[i].name) >= 0;
        known |= seccomp_syscall_resolve_name_arch(SCMP_ARCH_AARCH64,
                                                   rows[i].name) >= 0;
        if (!known)
            fail_msg("'%s' is no system call", rows[i].name);
        if (rows[i].action != FILTER_ALLOW && rows[i].why == NULL)
            fail_msg("'%s': why?", rows[i].name);
        if (rows[i].privileged && rows[i].action != FILTER_REFUSE)
            fail_msg("'%s': privileged, and not refused", rows[i].name);
    }
}

/* What a reader of the table asks about first. */
static void test_harmless_rows_say_why(void **state)
{
    static const char *const names[] = {
        "ptrace",
        "process_vm_readv",
        "process_vm_writev",
        "chroot",
        "io_submit",
        "pidfd_getfd",
        "pidfd_open",
        "modify_ldt",
        "kcmp",
        "prctl",
        "personality",
        "seccomp",
        "capset",
        "setuid",
        "setgroups",
        "kill",
        "pidfd_send_signal",
        "name_to_handle_at",
        "memfd_create",
        "memfd_secret",
        "execveat",
        "shmget",
        "mq_open",
        "recvmsg",
        "clock_adjtime",
        "prlimit64",
        "landlock_restrict_self",
        "setsockopt",
        "inotify_init1",
        "process_madvise",
    };

    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(names); i++) {
        const struct filter_row *row = row_named(names[i]);

        assert_non_null(row);
        assert_int_equal(row->action, FILTER_ALLOW);
        if (row->why == NULL)
            fail_msg("'%s': why is it harmless?", names[i]);
    }
}

/* ---- the programs ---- */

/* Named here, too: the table alone could be changed by a slip. */
static const struct {
    const char *name;
    bool privileged;
} refused[] = {
    {"acct", true},           {"add_key", false},
    {"bpf", false},           {"clock_settime", true},
    {"delete_module", true},  {"fanotify_init", false},
    {"fanotify_mark", false}, {"finit_module", true},
    {"fsconfig", true},       {"fsmount", true},
    {"fsopen", true},         {"fspick", true},
    {"init_module", true},    {"ioperm", true},
    {"iopl", true},           {"kexec_file_load", true},
    {"kexec_load", true},     {"keyctl", false},
    {"migrate_pages", false}, {"mount", true},
    {"mount_setattr", true},  {"move_mount", true},
    {"move_pages", false},    {"open_by_handle_at", false},
    {"open_tree", false},     {"perf_event_open", false},
    {"pivot_root", true},     {"quotactl", true},
    {"quotactl_fd", true},    {"reboot", true},
    {"request_key", false},   {"setdomainname", true},
    {"sethostname", true},    {"setns", true},
    {"settimeofday", true},   {"swapoff", true},
    {"swapon", true},         {"syslog", false},
    {"umount2", true},        {"userfaultfd", false},
    {"vhangup", true},
};

static void test_refused(void **state)
{
    size_t n;
    size_t nrefused = 0;
    const struct filter_row *rows = filter_rows(&n);

    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(refused); i++) {
        int nr = seccomp_syscall_resolve_name(refused[i].name);

        if (nr < 0) /* not on this processor */
            continue;
        expect_always(FULL, ARCH, nr, NOTIFY, refused[i].name);
        expect_always(READS, ARCH, nr, NOTIFY, refused[i].name);
        expect_always(PRELOAD, ARCH, nr, NO_MAY, refused[i].name);
        assert_int_equal(filter_row_of(nr)->action, FILTER_REFUSE);
        assert_int_equal(filter_is_privileged(nr), refused[i].privileged);
    }
    for (size_t i = 0; i < n; i++)
        nrefused += rows[i].action == FILTER_REFUSE;
    assert_int_equal(nrefused, SRT_ARRAY_LEN(refused));
}

static void test_every_row(void **state)
{
    size_t n;
    const struct filter_row *rows = filter_rows(&n);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        const char *name = rows[i].name;
        int nr = seccomp_syscall_resolve_name(name);
        uint32_t want = NOTIFY;

        if (nr < 0 || rows[i].action == FILTER_ARGS ||
            rows[i].action == FILTER_REFUSE)
            continue;
        if (rows[i].action == FILTER_ENOSYS)
            want = NO_SYS;
        if (rows[i].action == FILTER_ALLOW)
            want = ALLOW;
        expect_always(FULL, ARCH, nr, want, name);
        expect_always(READS, ARCH, nr, want, name);
        /* Without a listener mounts, Landlock and the empty network hold. */
        expect_always(PRELOAD, ARCH, nr, want == NOTIFY ? ALLOW : want, name);
    }
}

static void test_no_such_call(void **state)
{
    static const int above[] = {
        NEWEST + 1,      600,
        INT32_MAX,       -1,
        INT32_MIN,       0x40000000,
        0x40000000 + 59, 0x40000000 + 520 /* x32's execve */};

    (void)state;
    for (int program = 0; program < PROGRAMS; program++) {
        for (size_t i = 0; i < SRT_ARRAY_LEN(above); i++)
            expect_always(program, ARCH, above[i], NO_SYS, "above");
        for (int nr = 0; nr <= NEWEST; nr++) {
            if (filter_row_of(nr) == NULL)
                expect_always(program, ARCH, nr, NO_SYS, "unknown");
            expect_always(program, FOREIGN, nr, NO_SYS, "foreign");
        }
        expect_always(program, 0, SYS_getpid, NO_SYS, "no arch");
    }
}

/* ---- calls that depend on their arguments ---- */

#define NEW_ALL                                                                \
 (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |   \
  CLONE_NEWUTS | CLONE_NEWCGROUP)
#define THREAD                                                                 \
 (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |           \
  CLONE_SETTLS)
#define EITHER(a) a, a, a /* with and without listener */

static const struct {
    const char *name;
    uint64_t args[4];
    uint32_t full, reads, preload;
} cases[] = {
    {"clone", {17}, EITHER(ALLOW)},
    {"clone", {THREAD}, EITHER(ALLOW)},
    {"clone", {THREAD | HIGH}, EITHER(ALLOW)},
    {"clone", {CLONE_NEWUSER | 17}, NOTIFY, NOTIFY, NO_MAY},
    {"clone", {CLONE_NEWCGROUP | 17 | HIGH}, NOTIFY, NOTIFY, NO_MAY},
    {"clone", {NEW_ALL}, NOTIFY, NOTIFY, NO_MAY},
    {"unshare", {CLONE_FILES}, EITHER(ALLOW)},
    {"unshare", {CLONE_NEWUSER}, NOTIFY, NOTIFY, NO_MAY},
    {"unshare", {CLONE_NEWNS | CLONE_FS}, NOTIFY, NOTIFY, NO_MAY},
    {"unshare", {CLONE_NEWNET | HIGH}, NOTIFY, NOTIFY, NO_MAY},
    {"sendto", {0, 0, 0, MSG_NOSIGNAL}, EITHER(ALLOW)},
    {"sendto", {0, 0, 0, MSG_FASTOPEN}, NOTIFY, NOTIFY, NO_MAY},
    {"sendto", {0, 0, 0, MSG_FASTOPEN | HIGH}, NOTIFY, NOTIFY, NO_MAY},
    {"sendmsg", {0, 0, MSG_DONTWAIT}, EITHER(ALLOW)},
    {"sendmsg", {0, 0, MSG_FASTOPEN | MSG_DONTWAIT}, NOTIFY, NOTIFY, NO_MAY},
    {"sendmmsg", {0, 0, 0, 0}, EITHER(ALLOW)},
    {"sendmmsg", {0, 0, 0, MSG_FASTOPEN}, NOTIFY, NOTIFY, NO_MAY},
    {"socket", {AF_INET, SOCK_STREAM, 0}, EITHER(ALLOW)},
    {"socket", {AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 6}, EITHER(ALLOW)},
    {"socket", {AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 17}, EITHER(ALLOW)},
    {"socket", {AF_INET | HIGH, SOCK_STREAM | HIGH, HIGH}, EITHER(ALLOW)},
    {"socket", {AF_INET, SOCK_STREAM, 262}, NOTIFY, NOTIFY, NO_MAY},
    {"socket", {AF_INET, SOCK_DGRAM, 136}, NOTIFY, NOTIFY, NO_MAY},
    {"socket", {AF_INET, SOCK_RAW, 1}, NOTIFY, NOTIFY, NO_MAY},
    {"socket", {AF_UNIX, SOCK_STREAM, 0}, ALLOW, ALLOW, NO_MAY},
    {"socket", {AF_UNIX | HIGH, SOCK_SEQPACKET, 0}, ALLOW, ALLOW, NO_MAY},
    {"socket", {AF_UNIX, SOCK_DGRAM, 0}, NOTIFY, NOTIFY, NO_MAY},
    {"socket", {AF_UNIX | HIGH, SOCK_DGRAM, 0}, NOTIFY, NOTIFY, NO_MAY},
    {"socket", {AF_UNIX, SOCK_RAW, 0}, NOTIFY, NOTIFY, NO_MAY},
    {"socket", {AF_NETLINK, SOCK_RAW, 0}, EITHER(ALLOW)},
    {"socket", {AF_NETLINK, SOCK_RAW, 12}, NOTIFY, NOTIFY, NO_MAY},
    {"socket", {AF_PACKET, SOCK_RAW, 0}, NOTIFY, NOTIFY, NO_MAY},
    {"socket", {UINT64_MAX, UINT64_MAX, UINT64_MAX}, NOTIFY, NOTIFY, NO_MAY},
    {"socketpair", {AF_UNIX, SOCK_STREAM}, EITHER(ALLOW)},
    {"socketpair", {AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC}, EITHER(ALLOW)},
    {"socketpair", {AF_UNIX, SOCK_DGRAM}, NOTIFY, NOTIFY, NO_MAY},
    {"socketpair", {AF_UNIX | HIGH, SOCK_RAW}, NOTIFY, NOTIFY, NO_MAY},
    {"ioctl", {0, TCGETS}, EITHER(ALLOW)},
    {"ioctl", {0, 0}, EITHER(ALLOW)},
    {"ioctl", {0, UINT64_MAX}, EITHER(ALLOW)},
    {"ioctl", {0, TIOCSTI}, NOTIFY, NOTIFY, NO_MAY},
    {"ioctl", {0, TIOCSTI | HIGH}, NOTIFY, NOTIFY, NO_MAY},
    {"ioctl",
     {UINT64_MAX, TIOCLINUX | ~UINT64_C(0xffffffff)},
     NOTIFY,
     NOTIFY,
     NO_MAY},
    {"ioctl", {0, FS_IOC_SETFLAGS}, NOTIFY, NOTIFY, NO_MAY},
    {"ioctl", {0, FS_IOC_SETVERSION}, NOTIFY, NOTIFY, NO_MAY},
    {"ioctl", {0, _IOW(0x66, 133, char[128])}, NOTIFY, NOTIFY, NO_MAY},
    {"ioctl", {0, TIOCSETD}, NOTIFY, NOTIFY, NO_MAY},
    {"ioctl", {0, _IOW('f', 4, long)}, NOTIFY, NOTIFY, NO_MAY},
    {"ioctl", {0, _IO('f', 9) | HIGH}, NOTIFY, NOTIFY, NO_MAY},
    {"ioctl", {0, FS_IOC_GETFLAGS}, EITHER(ALLOW)},
    {"ioctl", {0, FS_IOC_FIEMAP | HIGH}, EITHER(ALLOW)},
    {"ioctl", {0, FS_IOC_GETVERSION}, EITHER(ALLOW)},
    {"ioctl", {0, FICLONE}, EITHER(ALLOW)},
    {"ioctl", {0, FS_IOC_FSSETXATTR | HIGH}, NOTIFY, NOTIFY, NO_MAY},
    {"open", {0, O_RDONLY | O_CLOEXEC}, ALLOW, NOTIFY, ALLOW},
    {"open", {0, O_RDONLY | HIGH}, ALLOW, NOTIFY, ALLOW},
    {"open", {0, O_WRONLY}, NOTIFY, NOTIFY, ALLOW},
    {"open", {0, O_RDONLY | O_CREAT | HIGH}, NOTIFY, NOTIFY, ALLOW},
    {"openat", {0, 0, O_RDONLY | O_PATH}, ALLOW, NOTIFY, ALLOW},
    {"openat", {0, 0, O_RDWR}, NOTIFY, NOTIFY, ALLOW},
    {"openat", {0, 0, O_TRUNC}, NOTIFY, NOTIFY, ALLOW},
    {"openat", {0, 0, 3 | HIGH}, NOTIFY, NOTIFY, ALLOW},
};

static void test_arguments(void **state)
{
    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(cases); i++) {
        const uint32_t want[PROGRAMS] = {cases[i].full, cases[i].reads,
                                         cases[i].preload};
        int nr = seccomp_syscall_resolve_name(cases[i].name);
        uint64_t args[6] = {0};

        if (nr < 0)
            continue;
        memcpy(args, cases[i].args, sizeof(cases[i].args));
        for (int program = 0; program < PROGRAMS; program++) {
            uint32_t got = answer(program, ARCH, nr, args);

            if (got != want[program])
                fail_msg("%s, row %zu, %s: %#x, want %#x",
                         program_names[program], i, cases[i].name, got,
                         want[program]);
        }
        assert_int_equal(filter_row_of(nr)->action, FILTER_ARGS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_libseccomp_knows_no_more),
        cmocka_unit_test(test_headers_know_no_more),
        cmocka_unit_test(test_rows_are_calls),
        cmocka_unit_test(test_harmless_rows_say_why),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_every_row),
        cmocka_unit_test(test_no_such_call),
        cmocka_unit_test(test_arguments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
