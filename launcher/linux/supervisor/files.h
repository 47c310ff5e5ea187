/* Between the files that answer file calls. */
#ifndef SRT_LAUNCHER_LINUX_SUPERVISOR_FILES_H
#define SRT_LAUNCHER_LINUX_SUPERVISOR_FILES_H

#include <linux/seccomp.h>
#include <stdbool.h>

#include "launcher/linux/channel.h"
#include "launcher/linux/file_calls.h"
#include "launcher/linux/supervisor/supervisor.h"

/* files_two.c: rename(2), link(2); bind(2). */
void sup_files_two(struct sup *s, const struct seccomp_notif *n,
                   const struct file_call *row);
void sup_files_bind(struct sup *s, const struct seccomp_notif *n,
                    const struct file_call *row);

/* descriptor.c: a call on descriptor `fd` of the caller, performed on what it
 * is, or refused. */
void sup_descriptor_call(struct sup *s, const struct seccomp_notif *n,
                         const struct file_call *row, int fd);

/* descriptor.c: the same on what the link `at` in /proc stands for. */
void sup_link_call(struct sup *s, const struct seccomp_notif *n,
                   const struct file_call *row, const struct sup_entry *at);

/* files_stream.c: is it the name in /proc of a stream of the caller's that may be
 * opened so?  Leaves and returns. */
bool sup_files_is_own_stream(const struct sup_entry *at);

/* files_stop.c: the errno of a mount that stands against an allowed call on
 * `at`, or from there to `to` (NULL: there is none); else 0.  Leaves and
 * returns. */
int sup_files_stop(enum channel_check check, const struct sup_entry *at,
                   const struct sup_entry *to);

/* perform.c: what the check wants from the caller's memory: the attribute's
 * name as the next text (else ""), the flags of ioctl(2).  Leaves and returns. */
void sup_files_add_memory(const struct seccomp_notif *n,
                          const struct file_call *row, struct channel_msg *m);

/* perform.c: perform a change on what `fd` is, in the caller's stead: 0, an
 * errno, or that it names a user or group that does not exist inside.  Leaves
 * and returns. */
#define SUP_NO_SUCH_ID 0x10000
int sup_perform(const struct sup *s, const struct seccomp_notif *n, int fd);

/* descriptor.c: perform an allowed change of mode, owner, times or attributes on
 * the object that `at` is, and answer. */
void sup_path_perform(struct sup *s, const struct seccomp_notif *n,
                      const struct file_call *row, const struct sup_entry *at);

/* The directory `dir`, for the host check: nothing where it may not be read. */
struct channel_place sup_files_place(const struct sup *s, const char *dir);

/* What a refused write is answered with (docs/policy.md, "What a refusal looks
 * like"): by the deciding rule and what was tried. */
int sup_files_errno(const struct policy_decision *d, enum channel_check check);

#endif
