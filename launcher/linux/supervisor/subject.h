/* What a file call is about, between files.c and files_two.c. */
#ifndef SRT_LAUNCHER_LINUX_SUPERVISOR_SUBJECT_H
#define SRT_LAUNCHER_LINUX_SUPERVISOR_SUBJECT_H

#include <fcntl.h>

#include "base/path.h"
#include "launcher/linux/file_calls.h"
#include "launcher/linux/supervisor/supervisor.h"

#define WRITES (O_ACCMODE | O_CREAT | O_TRUNC)

/* One name of a call, resolved in the sandbox's mounts. */
struct sup_subject {
    char requested[SRT_PATH_MAX]; /* as the program wrote it */
    struct sup_entry at;
    char dir[SRT_PATH_MAX];  /* real path of parent */
    char full[SRT_PATH_MAX]; /* dir/name */
};

#define AUTO_SUBJECT __attribute__((cleanup(sup_subject_release)))

static inline int arg_int(const struct seccomp_notif *n, int8_t index)
{
    return index < 0 ? 0 : (int)n->data.args[index];
}

static inline int arg_dirfd(const struct seccomp_notif *n, int8_t index)
{
    return index < 0 ? AT_FDCWD : (int)n->data.args[index];
}

/* What is answered to a call, and by which decision. */
struct sup_verdict {
    int err;     /* 0: it is allowed */
    bool second; /* of two names, it is the second that is refused */
    struct policy_decision decision;
};

void sup_subject_release(struct sup_subject *s);
/* Read and resolve one name of the call: 0; or an errno, after which the call was
 * answered or continued. */
int sup_subject_take(struct sup *s, const struct seccomp_notif *n,
                     const struct file_call *row, bool second,
                     enum sup_follow follow, struct sup_subject *ret);
/* Resolve what stands in ret->requested: 0 or an errno. */
int sup_subject_resolve(struct sup *s, const struct seccomp_notif *n, int dirfd,
                        enum sup_follow follow, struct sup_subject *ret);
/* May the call have `path`?  For reading, or for what it does. */
struct sup_verdict sup_subject_judge(struct sup *s, const struct file_call *row,
                                     const char *path, bool reads);
/* b is the second name, or NULL. */
void sup_subject_refuse(struct sup *s, const struct seccomp_notif *n,
                        const struct file_call *row,
                        const struct sup_subject *a,
                        const struct sup_subject *b,
                        const struct sup_verdict *v);
void sup_subject_let_go_on(struct sup *s, const struct seccomp_notif *n,
                           const struct file_call *row,
                           const struct sup_subject *a,
                           const struct sup_subject *b, struct sup_verdict *v);
/* The kernel says why a name could not be resolved. */
void sup_subject_go_on(struct sup *s, const struct seccomp_notif *n, int err);
struct channel_place sup_subject_place(const struct sup *s,
                                       const struct sup_subject *a);

#endif
