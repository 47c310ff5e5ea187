/*
 * The supervisor: a fork of the launcher (no exec, before any thread) that
 * lives in the sandbox's user, network and mount namespaces, outside its pid
 * namespace.  It mounts the plan, makes the network, then answers every
 * notified call.  It never trusts the caller: memory is read once, what was
 * judged is what is acted on.
 */
#ifndef SRT_LAUNCHER_LINUX_SUPERVISOR_SUPERVISOR_H
#define SRT_LAUNCHER_LINUX_SUPERVISOR_SUPERVISOR_H

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "launcher/linux/channel.h"
#include "launcher/linux/plan.h"
#include "policy/image.h"

/* What the launcher gives to its fork.  Descriptors become the supervisor's. */
struct sup_config {
    const struct policy_image *image;
    const struct policy *policy;
    const struct plan *plan;
    int launcher;       /* channel socket */
    int init;           /* socket to srt-init */
    pid_t launcher_pid; /* its death is ours */
    bool listener;      /* false at level preload */
    bool fuse;          /* masks that report are wanted */
    bool plain_masks;   /* what is masked cannot report (no /dev/fuse) */
    bool root;          /* srt is run by uid 0 */
    bool ipv6;          /* the host has IPv6 */
};

/* Run until the sandbox or the launcher is gone.  Never returns: _exit(0), or
 * _exit(125) after CHANNEL_FAILED. */
_Noreturn void sup_main(const struct sup_config *config);

struct sup;

/* ---- between the files of supervisor/ ---- */

/* start.c: end the run before it began: CHANNEL_FAILED with one line. */
_Noreturn void sup_fail(const struct sup_config *c, const char *what,
                        const char *path, int err);

/* mounts.c: clone, pin and place the regions of the plan; needs CAP_SYS_ADMIN
 * and the sandbox's mount namespace.  `fuse` is an open /dev/fuse of the
 * sandbox's user namespace, or -1.  Fails the run by itself. */
void sup_mounts_make(const struct sup_config *c, int proc, int fuse);

/* network.c: the address, routes and listeners of the sandbox's network
 * namespace, sent as CHANNEL_SOCKETS; keeps what routing needs in *s. */
void sup_network_make(struct sup *s);
/* Is it an address that sup_network_make() gave the sandbox? */
bool sup_network_is_own(const union srt_sockaddr *a);

/* serve.c: answer notifications until the sandbox is gone. */
_Noreturn void sup_serve(struct sup *s);

/* State of the one supervisor.  Filled by start.c, read by everyone. */
struct sup {
    uid_t uid; /* as the command sees itself; for us, in bwrap's outer user
                  namespace, the same user is 0 */
    gid_t gid;
    const struct sup_config *config;
    const struct policy_image *image;
    int listener; /* seccomp notification */
    int proc;     /* O_PATH of the host's /proc; also the working directory */
    int channel;  /* socket to the launcher */
    uint64_t netns_cookie; /* SO_NETNS_COOKIE of the sandbox's namespace */
    pid_t init;            /* host pid of the sandbox's pid 1 */
    pid_t command;         /* and of srt-init, which becomes the command */
    int diag;              /* NETLINK_SOCK_DIAG of the sandbox's namespace */
    int oneshots;          /* epoll: the listeners of oneshot.c */

    struct sup_place {
        uint64_t ino, mount;
    } root; /* of the sandbox */
};

/* A notified call that waits for the launcher. */
enum sup_slot_kind { SUP_SLOT_FREE, SUP_SLOT_REFUSED, SUP_SLOT_CONNECT };

/* Most calls that may wait at once, and how many places connects leave to the
 * others.  One connect more is answered EAGAIN; one refused call more gets its
 * refusal without an event.  Either is a warning, once. */
#define SUP_SLOTS_MAX     4096
#define SUP_SLOTS_REFUSED 1024

struct sup_slot {
    enum sup_slot_kind kind;
    uint64_t generation; /* differs for each use of the slot */
    uint64_t id;         /* notification id; 0: the call was interrupted and
                            its restart is awaited */
    pid_t tid;
    void *state; /* sockets.c: the connect at hand (owned by it) */
};

/* Which use of a slot it is, to find out after sup_return() whether it still
 * is that. */
static inline bool sup_slot_is(const struct sup_slot *slot, uint64_t generation)
{
    return slot->kind != SUP_SLOT_FREE && slot->generation == generation;
}

/* serve.c: slots, answers, the queue to the launcher. */
struct sup_slot *sup_slot_new(struct sup *s, enum sup_slot_kind kind,
                              uint64_t id, pid_t tid); /* NULL: full */
void sup_slot_free(struct sup *s, struct sup_slot *slot);
uint32_t sup_slot_number(const struct sup *s, const struct sup_slot *slot);
/* Slots 0..sup_slot_count()-1 may be in use; NULL above. */
struct sup_slot *sup_slot_at(uint32_t number);
uint32_t sup_slot_count(void);
/* Queue a message to the launcher; fds are duplicated if it must wait. */
void sup_send(struct sup *s, const struct channel_msg *m, const int *fds,
              size_t nfds);
/* Answer a notification: error 0 with value, or an errno. */
void sup_answer(struct sup *s, uint64_t id, int error, int64_t value);
/* Let the call go on in the kernel.  Never for connect. */
void sup_continue(struct sup *s, uint64_t id);
/* Is the notification still that of a living, waiting caller? */
bool sup_valid(struct sup *s, uint64_t id);

/* serve.c: around every step that may hang (crew.h): paths, and the caller's
 * memory.  In between others serve: slots and what hangs on them must not be
 * touched, and may be gone afterwards. */
void sup_leave(void);
void sup_return(void);

/* files.c, sockets.c: one notified call.  Each answers it, continues it, or
 * leaves it in a slot. */
void sup_files_call(struct sup *s, const struct seccomp_notif *n);
void sup_sockets_call(struct sup *s, const struct seccomp_notif *n);
/* sockets.c: refuse a call on a socket that is not of the sandbox's network (one
 * that was handed in).  False: it is, and nothing was answered. */
bool sup_sockets_refuse_foreign(struct sup *s, const struct seccomp_notif *n,
                                int socket);
bool sup_sockets_is_unix(int fd);
/* syscalls.c: a system call that is refused whatever it is asked for. */
void sup_syscalls_refuse(struct sup *s, const struct seccomp_notif *n);
/* The launcher's answer for a SUP_SLOT_CONNECT. */
void sup_sockets_answer(struct sup *s, struct sup_slot *slot,
                        const struct channel_msg *m);
/* A listener of oneshot.c has something to accept. */
void sup_oneshots_ready(struct sup *s);
/* Called about every 20 ms while a SUP_SLOT_CONNECT exists: signals of parked
 * callers, their time-outs, their death. */
void sup_sockets_tick(struct sup *s);

/* A refused call of any kind goes to the launcher, which asks the host,
 * records, and answers.  `m` is filled but for slot and generation and the
 * decision, which is `d`. */
void sup_refuse(struct sup *s, const struct seccomp_notif *n,
                struct channel_msg *m, const struct policy_decision *d);

/* caller.c: the caller's memory, descriptors and paths, read once.  Memory and
 * paths are read between sup_leave() and sup_return(). */

/* May memory and descriptors of the sandbox's processes be taken at all?  0, or
 * the errno of the call *ret_what. */
int sup_caller_try(pid_t tid, const char **ret_what);
/* Copy len bytes at `address` of thread tid.  Returns 0, EFAULT, or EPERM when
 * the caller cannot be inspected. */
int sup_caller_read(pid_t tid, uint64_t address, void *out, size_t len);
/* A string with its NUL, at most size bytes: 0, EFAULT, ENAMETOOLONG, EPERM. */
int sup_caller_string(pid_t tid, uint64_t address, char *out, size_t size);
/* The caller's descriptor, ours now (pidfd_getfd(2)); -1 with errno. */
int sup_caller_fd(pid_t tid, int fd);
/* O_PATH of /proc/tid/NAME ("cwd", "root", "fd/3"); -1 with errno. */
int sup_caller_open(const struct sup *s, pid_t tid, const char *name);

/* A last component that is a symlink: taken itself, followed (up to 40 of
 * them), or followed but for a magic link of /proc/PID/fd and the like. */
enum sup_follow { SUP_NOFOLLOW, SUP_FOLLOW, SUP_FOLLOW_TO_MAGIC };

/* A name in a directory.  name is "" for "/" and ends in no slash. */
struct sup_entry {
    int parent; /* O_PATH, owned; -1: none */
    char name[256];
    bool magic; /* SUP_FOLLOW_TO_MAGIC ended at such a link */
    bool slash; /* the path ended in one: a directory is meant */
};

/*
 * Resolve `path` against dirfd as the caller would, in the sandbox's mounts:
 * the parent directory as an O_PATH descriptor and the last component.
 *
 * Returns 0 and sets *ret; or the errno of the step that failed.
 */
int sup_caller_resolve(const struct sup *s, pid_t tid, int dirfd,
                       const char *path, enum sup_follow follow,
                       struct sup_entry *ret);
/* What `path` leads to, relative to dirfd; all 0: not known. */
struct sup_place sup_place_of(int dirfd, const char *path);
/* The real path of a descriptor of ours, as seen inside: 0 or errno. */
int sup_real_path(const struct sup *s, int fd, char *out, size_t size);

#endif
