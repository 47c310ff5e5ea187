/* System calls and constants that Debian 12's libc or headers lack. */
#ifndef SRT_VENDOR_COMPAT_H
#define SRT_VENDOR_COMPAT_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/* mount API, Linux 5.2 / 5.12: open_tree(2), move_mount(2), mount_setattr(2),
 * fsopen(2), fsconfig(2), fsmount(2).  glibc 2.36 has wrappers, but its header
 * <sys/mount.h> clashes with <linux/mount.h>; these are the calls alone.  All
 * return -1 with errno. */
#define VND_OPEN_TREE_CLONE         1u
#define VND_AT_RECURSIVE            0x8000u
#define VND_MOVE_MOUNT_F_EMPTY_PATH 0x04u
#define VND_MOVE_MOUNT_T_EMPTY_PATH 0x40u
#define VND_MOUNT_ATTR_RDONLY       0x01u
#define VND_MOUNT_ATTR_NOSUID       0x02u
#define VND_MOUNT_ATTR_NODEV        0x04u
#define VND_MOUNT_ATTR_NOEXEC       0x08u

struct vnd_mount_attr {
    uint64_t attr_set, attr_clr, propagation, userns_fd;
};

int vnd_open_tree(int dirfd, const char *path, unsigned flags);
int vnd_move_mount(int from_dirfd, const char *from, int to_dirfd,
                   const char *to, unsigned flags);
int vnd_mount_setattr(int dirfd, const char *path, unsigned flags,
                      const struct vnd_mount_attr *attr);
int vnd_fsopen(const char *type, unsigned flags);
#define VND_FSOPEN_CLOEXEC 1u
int vnd_fsconfig(int fd, unsigned command, const char *key, const void *value,
                 int aux);
#define VND_FSCONFIG_SET_FLAG   0u
#define VND_FSCONFIG_SET_STRING 1u
#define VND_FSCONFIG_CMD_CREATE 6u
int vnd_fsmount(int fd, unsigned flags, unsigned attr);
#define VND_FSMOUNT_CLOEXEC 1u

/* pidfd_open(2) of a thread (PIDFD_THREAD, Linux 6.9; falls back to the
 * process before) and pidfd_getfd(2). */
int vnd_pidfd_open(pid_t tid);
/* ... of a process: readable when the last of its threads has ended. */
int vnd_pidfd_open_process(pid_t pid);
int vnd_pidfd_getfd(int pidfd, int fd);

/* getsockopt(2), Linux 5.14: which network namespace a socket is of. */
#define VND_SO_NETNS_COOKIE 71

/* openat2(2), Linux 5.6. */
#define VND_RESOLVE_NO_MAGICLINKS 0x02u
#define VND_RESOLVE_NO_SYMLINKS   0x04u
#define VND_RESOLVE_IN_ROOT       0x10u
int vnd_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode,
                uint64_t resolve);

/* seccomp(2) notification constants: the newest are not in Debian 12's
 * headers. */
#define VND_SECCOMP_NOTIF_SET_FLAGS _IOW('!', 4, uint64_t) /* Linux 6.6 */
#define VND_SECCOMP_FD_SYNC_WAKE_UP 1u

/* The newest Landlock ABI of this kernel; 0: none, with errno. */
int vnd_landlock_abi(void);

/* A condition whose timed waits do not depend on the wall clock, and a time for
 * them. */
void vnd_cond_init(pthread_cond_t *c);
struct timespec vnd_in_ms(unsigned ms);

#endif
