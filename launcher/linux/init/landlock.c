/* The second wall behind the mounts: no write right outside the grants
 * (landlock(7)).  Reads are not handled: masks decide those.  And the one wall
 * before bwrap's processes inside, which have no filter: who is in a domain
 * can neither ptrace(2) nor look into who is not. */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "launcher/linux/init/init.h"
#include "vendor/compat.h"

/* Debian 12's kernel headers are older than these. */
#ifndef LANDLOCK_ACCESS_FS_REFER
# define LANDLOCK_ACCESS_FS_REFER (UINT64_C(1) << 13) /* ABI 2, Linux 5.19 */
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
# define LANDLOCK_ACCESS_FS_TRUNCATE (UINT64_C(1) << 14) /* ABI 3, 6.2 */
#endif

#define FILE_RIGHTS                                                            \
 (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE)
/* MAKE_SOCK is not handled: bind(2) is the supervisor's. */
#define ALL_RIGHTS                                                             \
 (FILE_RIGHTS | LANDLOCK_ACCESS_FS_REMOVE_FILE |                               \
  LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |                \
  LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_SYM |                  \
  LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_CHAR |                \
  LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_REFER)

/* The paths are real; a symlink in one was put there during the start. */
static int open_real(const char *path)
{
    const struct {
        uint64_t flags, mode, resolve; /* struct open_how, openat2(2) */
    } how = {O_PATH | O_CLOEXEC, 0, VND_RESOLVE_NO_SYMLINKS};

    return (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
}

static int grant(int ruleset, int fd, uint64_t rights)
{
    struct landlock_path_beneath_attr rule = {.parent_fd = fd};
    struct stat st;

    if (fstat(fd, &st) != 0)
        return errno;
    rule.allowed_access = rights &
                          (S_ISDIR(st.st_mode) ? ALL_RIGHTS : FILE_RIGHTS);
    /* Pipes and sockets have no path: nothing to grant, nothing refused. */
    if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH,
                &rule, 0) != 0 &&
        errno != EBADFD)
        return errno;
    return 0;
}

static int add_grants(const struct init_config *c, int ruleset, uint64_t rights,
                      const char **ret_what)
{
    const struct init_grant *g = (const void *)((const char *)c + c->grants);

    for (uint32_t i = 0; i < c->ngrants; i++) {
        int fd = g[i].fd;
        int err;

        *ret_what = "a standard stream";
        if (g[i].path != 0) {
            *ret_what = init_text(c, g[i].path);
            fd = open_real(*ret_what);
            if (fd < 0)
                return errno;
        }
        err = grant(ruleset, fd, rights);
        if (g[i].path != 0)
            (void)close(fd);
        if (err != 0)
            return err;
    }
    return 0;
}

/* linux/landlock.h of Linux 6.12, whose end older kernels do not know. */
struct ruleset {
    uint64_t handled_access_fs, handled_access_net, scoped;
};

#define SCOPE_SIGNAL (UINT64_C(1) << 1) /* ABI 6 */

int init_landlock(const struct init_config *c, const char **ret_what)
{
    struct ruleset attr = {.handled_access_fs = ALL_RIGHTS};
    size_t size = sizeof(attr.handled_access_fs);
    int ruleset;
    int err;

    *ret_what = "landlock_create_ruleset";
    if (c->landlock_abi < 3)
        attr.handled_access_fs &= ~LANDLOCK_ACCESS_FS_TRUNCATE;
    /* kill(0) reaches the whole process group, and that has members outside,
     * whatever the pid namespace. */
    if (c->landlock_abi >= 6) {
        attr.scoped = SCOPE_SIGNAL;
        size = sizeof(attr);
    }
    ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
    if (ruleset < 0)
        return errno;
    err = add_grants(c, ruleset, attr.handled_access_fs, ret_what);
    if (err == 0) {
        *ret_what = "landlock_restrict_self";
        if (syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
            err = errno;
    }
    (void)close(ruleset);
    return err;
}
