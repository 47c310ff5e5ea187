/*
 * static_calls [--filter] CALL PATH: one call that reads, its errno printed.
 * With --filter the program has a seccomp filter of its own (all allowed).
 * calls.c is the same, linked dynamically.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

static int call_open(const char *p)
{
    return open(p, O_RDONLY);
}

static int call_openat2(const char *p)
{
    struct open_how how = {.flags = O_RDONLY};

    return (int)syscall(SYS_openat2, AT_FDCWD, p, &how, sizeof(how));
}

static int call_opath(const char *p)
{
    return open(p, O_PATH);
}

static int call_opendir(const char *p)
{
    return opendir(p) != NULL ? 0 : -1;
}

static int call_execve(const char *p)
{
    char *argv[] = {(char *)(size_t)p, NULL};

    return execve(p, argv, argv + 1);
}

static int call_access(const char *p)
{
    return access(p, R_OK);
}

static int call_stat(const char *p)
{
    struct stat st;

    return stat(p, &st);
}

static int call_lstat(const char *p)
{
    struct stat st;

    return lstat(p, &st);
}

static int call_readlink(const char *p)
{
    char b[100];

    return (int)readlink(p, b, sizeof(b));
}

static int call_getxattr(const char *p)
{
    char b[100];

    return (int)getxattr(p, "user.x", b, sizeof(b));
}

static const struct {
    const char *name;
    int (*fn)(const char *path);
} calls[] = {
    {"open", call_open},
    {"openat2", call_openat2},
    {"opath", call_opath},
    {"opendir", call_opendir},
    {"execve", call_execve},
    {"access", call_access},
    {"chdir", chdir},
    {"stat", call_stat},
    {"lstat", call_lstat},
    {"readlink", call_readlink},
    {"getxattr", call_getxattr},
};

static int add_filter(void)
{
    struct sock_filter allow[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {.len = 1, .filter = allow};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -1;
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--filter") == 0) {
        if (add_filter() != 0)
            return 3;
        argv++;
        argc--;
    }
    for (size_t i = 0; argc == 3 && i < sizeof(calls) / sizeof(calls[0]); i++)
        if (strcmp(calls[i].name, argv[1]) == 0) {
            printf("%d\n", calls[i].fn(argv[2]) < 0 ? errno : 0);
            return 0;
        }
    return 2;
}
