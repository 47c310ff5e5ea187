/* bubblewrap for the base: namespaces, a read-only /, fresh /dev and /proc,
 * /dev/srt.  Everything that the policy says is mounted by the supervisor. */
#ifndef SRT_LAUNCHER_LINUX_BWRAP_H
#define SRT_LAUNCHER_LINUX_BWRAP_H

#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/error.h"

/* Places inside. */
#define BWRAP_OWN    "/dev/srt" /* is there inside, and only there */
#define BWRAP_INIT   "/dev/srt/init"
#define BWRAP_SHIM   "/dev/srt/libsrtshim.so"
#define BWRAP_TMPDIR "/dev/srt/tmp"
#define BWRAP_MQUEUE "/dev/mqueue"
#define BWRAP_MASKS  "/dev/srt/m" /* an empty directory, for the masks' tmpfs */

/* Descriptors are borrowed; the child gets them under the same numbers. */
struct bwrap_input {
    const char *program;   /* absolute path of bwrap */
    const char *init_path; /* of srt-init on the host */
    const char *shim_path; /* of the shim on the host; NULL: none */
    int image_fd;          /* policy image, read from the start; -1: none */
    int shim_fd;           /* shim/config.h, likewise; -1: none */
    int config_fd;         /* srt-init's configuration */
    int init_socket;       /* srt-init's end */
    int error_fd;          /* where bwrap's own messages go */
    int stderr_fd;         /* the command's standard error, for srt-init */
    const int *keep_fds;   /* --pass-fd */
    size_t nkeep_fds;
    unsigned closed_fds;  /* bit N: descriptor N (0..2) is closed */
    struct rlimit nofile; /* as srt was started */
};

/* The bwrap that would be taken, usable or not: `wanted`, else the first that
 * the system has; NULL: none. */
const char *bwrap_locate(const char *wanted);
/* Find bwrap: `wanted` (absolute) or the system's directories, never $PATH.
 * A set-uid one is refused by name. */
enum srt_rc bwrap_find(const char *wanted, const char **ret,
                       struct srt_err *err) SRT_MUST_CHECK;

/* Start it; the caller waits for *ret_pid.  Signals meant for the command are
 * ignored in it, all others default, none blocked. */
enum srt_rc bwrap_start(const struct bwrap_input *in, pid_t *ret_pid,
                        struct srt_err *err) SRT_MUST_CHECK;

/* One line for people from what bwrap said ("bwrap: ...\n"): names the sysctl
 * or the AppArmor rule when user namespaces are not to be had. */
enum srt_rc bwrap_explain(const char *said, struct srt_err *err);

/* Does this kernel know POSIX message queues?  Then BWRAP_MQUEUE is inside. */
bool bwrap_has_mqueue(void);

#endif
