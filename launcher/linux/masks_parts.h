/* Between the files of the masks: nodes (pure), questions (who asked for
 * what), serving. */
#ifndef SRT_LAUNCHER_LINUX_MASKS_PARTS_H
#define SRT_LAUNCHER_LINUX_MASKS_PARTS_H

#include <linux/types.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/path.h"
#include "launcher/linux/annotation.h"
#include "launcher/linux/hostcheck.h"
#include "launcher/linux/plan.h"
#include "launcher/linux/session.h"

/* ---- masks_nodes.c: the names that exist in the superblock ---- */

/*
 * Node 1 is the root; its children, named by region number in decimal, are the
 * masks (node 2 + number), each bound over its region by the supervisor.  In a
 * mask only the names on the way to something revealed exist: the *ways*,
 * nodes behind those of the regions; the command's working directory is such a
 * way, too, so that it can start there.  All are known before the first request,
 * and a refused name never becomes a node: nothing grows.
 */
#define MASKS_ROOT_NODE UINT64_C(1)

struct masks_node {
    const char *path; /* on the host */
    int region;       /* the mask that it belongs to */
    mode_t mode;
};

struct masks_nodes {
    const struct plan *plan;
    struct masks_node *masks; /* owned; one a region, path NULL: no mask */
    struct masks_node *ways;  /* owned; sorted by path */
    size_t nways;
    struct srt_arena arena;
};

void masks_nodes_init(struct masks_nodes *n, const struct plan *plan,
                      const char *cwd);
void masks_nodes_release(struct masks_nodes *n);
/* NULL: the root, or no node of ours. */
const struct masks_node *masks_nodes_get(const struct masks_nodes *n,
                                         uint64_t id);
/* The node `name` in the directory `parent`, or 0. */
uint64_t masks_nodes_lookup(const struct masks_nodes *n, uint64_t parent,
                            const char *name);

/* ---- masks_asked.c: what the blocked call is about ---- */

enum masks_kind {
    MASKS_KIND_READ,  /* open for reading, list */
    MASKS_KIND_ENTER, /* chdir */
    MASKS_KIND_EXEC,
    MASKS_KIND_STAT, /* follows a last symlink */
    MASKS_KIND_LSTAT,
    MASKS_KIND_ACCESS,
    MASKS_KIND_WRITE, /* as file_calls_row() says */
};

struct masks_asked {
    enum masks_kind kind;
    enum events_op op;
    bool probe;
    const char *call; /* NULL: not known */
    int nr;
    __u64 args[6];
    int flags; /* open(2)'s, access(2)'s mode */
    char target[SRT_PATH_MAX];
    char requested[1024];
};

/*
 * What does host thread `tid` want of `path` (below a mask, or the mask)?  By
 * the call that it is blocked in; the target is the path of the call where
 * that leads through `path`, else `path` itself.  All of it is read from the
 * program: good for an event, not for a decision.
 */
void masks_asked_read(pid_t tid, const char *path, bool access_request,
                      struct masks_asked *ret);
/* Would the host have let it through? */
enum hostcheck_answer masks_asked_host(const struct masks_asked *a,
                                       int *ret_errno);

#endif
