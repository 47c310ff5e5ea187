#ifdef __linux__
# include "vendor/compat.h"

# include <errno.h>
# include <fcntl.h>
# include <linux/openat2.h>
# include <sys/syscall.h>
# include <unistd.h>

int vnd_open_tree(int dirfd, const char *path, unsigned flags)
{
    return (int)syscall(SYS_open_tree, dirfd, path,
                        flags | (unsigned)O_CLOEXEC);
}

int vnd_move_mount(int from_dirfd, const char *from, int to_dirfd,
                   const char *to, unsigned flags)
{
    return (int)syscall(SYS_move_mount, from_dirfd, from, to_dirfd, to, flags);
}

int vnd_mount_setattr(int dirfd, const char *path, unsigned flags,
                      const struct vnd_mount_attr *attr)
{
    return (int)syscall(SYS_mount_setattr, dirfd, path, flags, attr,
                        sizeof(*attr));
}

int vnd_fsopen(const char *type, unsigned flags)
{
    return (int)syscall(SYS_fsopen, type, flags);
}

int vnd_fsconfig(int fd, unsigned command, const char *key, const void *value,
                 int aux)
{
    return (int)syscall(SYS_fsconfig, fd, command, key, value, aux);
}

int vnd_fsmount(int fd, unsigned flags, unsigned attr)
{
    return (int)syscall(SYS_fsmount, fd, flags, attr);
}

int vnd_pidfd_open(pid_t tid)
{
    int fd = (int)syscall(SYS_pidfd_open, tid, O_EXCL /* PIDFD_THREAD */);

    if (fd < 0 && errno == EINVAL)
        fd = vnd_pidfd_open_process(tid);
    return fd;
}

int vnd_pidfd_open_process(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

int vnd_pidfd_getfd(int pidfd, int fd)
{
    return (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
}

int vnd_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode,
                uint64_t resolve)
{
    struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};

    return (int)syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
}

int vnd_landlock_abi(void)
{
    /* LANDLOCK_CREATE_RULESET_VERSION */
    int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, 1u);

    return abi < 0 ? 0 : abi;
}

#endif

void vnd_cond_init(pthread_cond_t *c)
{
    pthread_condattr_t monotonic;

    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(c, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
}

struct timespec vnd_in_ms(unsigned ms)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += (long)(ms % 1000) * 1000000L;
    if (t.tv_nsec >= 1000000000L) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000L;
    }
    return t;
}
