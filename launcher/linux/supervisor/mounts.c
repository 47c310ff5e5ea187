/*
 * The mount plan, by descriptors: open_tree(2) clones a region, its flags are
 * set on the clone, move_mount(2) puts it where it belongs.
 *
 * Three passes over the regions, parents before children:
 *   1. clone everything that stays visible, from the base as bwrap left it;
 *   2. pin the directories that must keep their names, below the trees that
 *      will cover them: a directory on which something is mounted, visible or
 *      not, cannot be renamed or removed (EBUSY), and renames elsewhere in the
 *      covering tree still stay on one mount (on top, a pin would be EXDEV);
 *   3. put clones and masks in place.
 *
 * A mask is an unreadable mount, and over it the FUSE mask that reports.  Both
 * come from a tmpfs that is gone again at the end; what was cloned from it
 * stays.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/macros.h"
#include "base/path.h"
#include "launcher/linux/supervisor/supervisor.h"
#include "vendor/compat.h"

#define MASKS "/dev/srt/m"
#define MASK_ATTRS                                                             \
 (VND_MOUNT_ATTR_RDONLY | VND_MOUNT_ATTR_NOSUID | VND_MOUNT_ATTR_NODEV)

static const struct sup_config *config;

/* The paths of the plan are real; a symlink in one was put there since, and
 * would lead the mount to a place that nobody judged.  (The last component may
 * be one that is a region itself.) */
static int open_real(const char *path)
{
    int fd = vnd_openat2(AT_FDCWD, path, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0,
                         VND_RESOLVE_NO_SYMLINKS);

    if (fd < 0)
        sup_fail(config, "mount plan: a path that changed during the start",
                 path, errno);
    return fd;
}

static int clone_tree(const char *path, unsigned flags)
{
    int at = open_real(path);
    int fd = vnd_open_tree(at, "", VND_OPEN_TREE_CLONE | AT_EMPTY_PATH | flags);

    if (fd < 0)
        sup_fail(config, "mount plan: clone", path, errno);
    (void)close(at);
    return fd;
}

static void set_attrs(int tree, uint64_t set, uint64_t clear, const char *path)
{
    struct vnd_mount_attr a = {.attr_set = set, .attr_clr = clear};

    if (vnd_mount_setattr(tree, "", AT_EMPTY_PATH, &a) != 0)
        sup_fail(config, "mount plan: flags of", path, errno);
}

static void move_to(int tree, const char *path)
{
    int at = open_real(path);

    if (vnd_move_mount(tree, "", at, "",
                       VND_MOVE_MOUNT_F_EMPTY_PATH |
                           VND_MOVE_MOUNT_T_EMPTY_PATH) != 0)
        sup_fail(config, "mount plan: mount on", path, errno);
    (void)close(at);
}

/* Put a clone at path; the descriptor is closed. */
static void place(int tree, const char *path)
{
    move_to(tree, path);
    (void)close(tree);
}

/* ---- writable trees ---- */

/* Undo the octal escapes of /proc/self/mountinfo (proc(5)), in place. */
static void unescape(char *s)
{
    char *out = s;

    while (*s != '\0') {
        if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] != '\0' &&
            s[3] != '\0') {
            *out++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 |
                            (s[3] - '0'));
            s += 4;
        } else {
            *out++ = *s++;
        }
    }
    *out = '\0';
}

/* The mount points of the base, as bwrap left it. */
struct mount_points {
    char **at; /* owned */
    size_t n;
};

/* The fifth field of a line of mountinfo, or NULL. */
static char *mount_point_of(char *line)
{
    char *at = line;

    for (int field = 0; field < 4 && at != NULL; field++) {
        at = strchr(at, ' ');
        if (at != NULL)
            at++;
    }
    if (at == NULL)
        return NULL;
    at[strcspn(at, " ")] = '\0';
    unescape(at);
    return at;
}

static void read_mount_points(int proc, struct mount_points *ret)
{
    int fd = openat(proc, "self/mountinfo", O_RDONLY | O_CLOEXEC);
    FILE *f = fd >= 0 ? fdopen(fd, "r") : NULL;
    char *line = NULL;
    size_t size = 0;

    *ret = (struct mount_points){0};
    if (f == NULL)
        sup_fail(config, "read mountinfo", NULL, errno);
    while (getline(&line, &size, f) > 0) {
        const char *at = mount_point_of(line);

        if (at == NULL)
            continue;
        ret->at = srt_xreallocarray(ret->at, ret->n + 1, sizeof(ret->at[0]));
        ret->at[ret->n++] = srt_xstrdup(at);
    }
    free(line);
    (void)fclose(f);
}

static void release_mount_points(struct mount_points *m)
{
    for (size_t i = 0; i < m->n; i++)
        free(m->at[i]);
    srt_free_ptr(&m->at);
}

/* bwrap made every mount read-only; those that were writable on the host may
 * be so again, the others are locked by the kernel (EPERM). */
static void make_writable(const char *path)
{
    const struct vnd_mount_attr a = {.attr_clr = VND_MOUNT_ATTR_RDONLY};

    if (vnd_mount_setattr(AT_FDCWD, path, 0, &a) != 0 && errno != EPERM &&
        errno != EACCES && errno != ENOENT && errno != EINVAL)
        sup_fail(config, "mount plan: make writable", path, errno);
}

/* ---- masks ---- */

static void make_dir(const char *path, mode_t mode)
{
    if (mkdir(path, mode) != 0 && errno != EEXIST)
        sup_fail(config, "mount plan: make", path, errno);
}

static void make_file(const char *path)
{
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0);

    if (fd < 0)
        sup_fail(config, "mount plan: make", path, errno);
    (void)close(fd);
}

static bool reveals_inside(const struct plan *p, size_t mask)
{
    return mask + 1 < p->nregions &&
           srt_path_under(p->regions[mask + 1].path, p->regions[mask].path);
}

/* In the plain mask of a region, the directories on the way to what is
 * revealed or masked again below it, searchable but not listable. */
static void make_ways(const struct plan *p, size_t mask, const char *base)
{
    size_t skip = strlen(p->regions[mask].path);

    for (size_t i = mask + 1;
         i < p->nregions &&
         srt_path_under(p->regions[i].path, p->regions[mask].path);
         i++) {
        char path[2 * SRT_PATH_MAX];
        size_t start = strlen(base);

        if (p->regions[i].parent != (int)mask)
            continue;
        (void)snprintf(path, sizeof(path), "%s%s", base,
                       p->regions[i].path + skip);
        for (size_t k = start + 1; path[k] != '\0'; k++)
            if (path[k] == '/') {
                path[k] = '\0';
                make_dir(path, 0111);
                path[k] = '/';
            }
        if (p->regions[i].dir)
            make_dir(path, 0111);
        else
            make_file(path);
    }
}

/* A tmpfs with one unreadable directory and file, and one directory a mask
 * that has something revealed in it. */
static void make_plain_masks(const struct plan *p)
{
    (void)umask(0);
    if (mount("srt", MASKS, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700") != 0)
        sup_fail(config, "mount plan: tmpfs on", MASKS, errno);
    make_dir(MASKS "/dir", 0);
    make_file(MASKS "/file");
    make_dir(MASKS "/fuse", 0700);
    for (size_t i = 0; i < p->nregions; i++) {
        char base[64];

        if (p->regions[i].access != PLAN_MASKED || !reveals_inside(p, i))
            continue;
        (void)snprintf(base, sizeof(base), MASKS "/%zu", i);
        make_dir(base, 0700);
        make_ways(p, i, base);
        if (chmod(base, 0111) != 0)
            sup_fail(config, "mount plan: chmod", base, errno);
    }
}

/* The one FUSE superblock, on MASKS/fuse; false: there is none. */
static bool mount_fuse(int fuse)
{
    char number[16];
    int mnt;
    int fs;

    if (fuse < 0)
        return false;
    fs = vnd_fsopen("fuse", VND_FSOPEN_CLOEXEC);
    if (fs < 0)
        sup_fail(config, "FUSE", NULL, errno);
    (void)snprintf(number, sizeof(number), "%d", fuse);
    (void)vnd_fsconfig(fs, VND_FSCONFIG_SET_STRING, "source", "srt-mask", 0);
    (void)vnd_fsconfig(fs, VND_FSCONFIG_SET_STRING, "fd", number, 0);
    (void)vnd_fsconfig(fs, VND_FSCONFIG_SET_STRING, "rootmode", "40000", 0);
    (void)snprintf(number, sizeof(number), "%u", getuid());
    (void)vnd_fsconfig(fs, VND_FSCONFIG_SET_STRING, "user_id", number, 0);
    (void)snprintf(number, sizeof(number), "%u", getgid());
    (void)vnd_fsconfig(fs, VND_FSCONFIG_SET_STRING, "group_id", number, 0);
    (void)vnd_fsconfig(fs, VND_FSCONFIG_SET_FLAG, "allow_other", NULL, 0);
    if (vnd_fsconfig(fs, VND_FSCONFIG_CMD_CREATE, NULL, NULL, 0) != 0)
        sup_fail(config, "FUSE mask", NULL, errno);
    /* No MS_NOEXEC: execve would fail by it before the mask is asked. */
    mnt = vnd_fsmount(fs, VND_FSMOUNT_CLOEXEC, MASK_ATTRS);
    (void)close(fs);
    if (mnt < 0)
        sup_fail(config, "FUSE mask", NULL, errno);
    place(mnt, MASKS "/fuse");
    return true;
}

static void place_mask(const struct plan *p, size_t i, bool fuse)
{
    const struct plan_region *r = &p->regions[i];
    char source[64];
    int tree;

    if (r->dir && reveals_inside(p, i))
        (void)snprintf(source, sizeof(source), MASKS "/%zu", i);
    else
        (void)snprintf(source, sizeof(source), MASKS "/%s",
                       r->dir ? "dir" : "file");
    tree = clone_tree(source, 0);
    set_attrs(tree, MASK_ATTRS | VND_MOUNT_ATTR_NOEXEC, 0, r->path);
    if (!fuse) {
        place(tree, r->path);
        return;
    }
    /* By descriptor: the path leads into the plain mask only from outside. */
    move_to(tree, r->path);
    (void)snprintf(source, sizeof(source), MASKS "/fuse/%zu", i);
    {
        int mask = clone_tree(source, 0);

        if (vnd_move_mount(mask, "", tree, "",
                           VND_MOVE_MOUNT_F_EMPTY_PATH |
                               VND_MOVE_MOUNT_T_EMPTY_PATH) != 0)
            sup_fail(config, "mount plan: FUSE mask", r->path, errno);
        (void)close(mask);
    }
    (void)close(tree);
}

/* ---- the passes ---- */

static bool needs_clone(const struct plan *p, size_t i)
{
    const struct plan_region *r = &p->regions[i];
    enum plan_access above = r->parent < 0 ? PLAN_READONLY
                                           : p->regions[r->parent].access;

    return r->access != PLAN_MASKED && r->access != above;
}

static void pin(const char *path)
{
    /* Anything will do where a clone covers it; below a writable root it is
     * seen, with what the host has mounted there. */
    place(clone_tree(path, VND_AT_RECURSIVE), path);
}

static void place_clone(const struct mount_points *base,
                        const struct plan_region *r, int tree)
{
    if (r->access == PLAN_WRITABLE)
        set_attrs(tree, 0, VND_MOUNT_ATTR_RDONLY, r->path);
    place(tree, r->path);
    for (size_t i = 0; r->access == PLAN_WRITABLE && i < base->n; i++)
        if (srt_path_under(base->at[i], r->path))
            make_writable(base->at[i]);
}

/* A read-only mount of a path, and of what is mounted below it, on itself. */
static void make_read_only(const char *path)
{
    const struct vnd_mount_attr a = {.attr_set = VND_MOUNT_ATTR_RDONLY};
    int tree;

    if (access(path, F_OK) != 0)
        return; /* this kernel, or this terminal, has none */
    tree = clone_tree(path, VND_AT_RECURSIVE);
    if (vnd_mount_setattr(tree, "", AT_EMPTY_PATH | VND_AT_RECURSIVE, &a) != 0)
        sup_fail(config, "mount plan: flags of", path, errno);
    place(tree, path);
}

/*
 * What is the machine's and not the run's.  Root has the modes to write to
 * most of it without a capability; the device nodes are the host's own, and
 * writing to a device does not ask its mount.
 */
static void protect_machine(const struct plan *p)
{
    static const char *const always[] = {
        "/proc/sys",   "/dev/null",    "/dev/zero", "/dev/full",
        "/dev/random", "/dev/urandom", "/dev/tty",  "/dev/console",
    };
    static const char *const from_root[] = {
        "/proc/sysrq-trigger", "/proc/irq",
        "/proc/bus",           "/proc/fs",
        "/proc/acpi",          "/proc/scsi",
        "/proc/driver",        "/proc/mtrr",
        "/proc/dynamic_debug", "/proc/latency_stats",
        "/proc/asound",        "/proc/sysvipc",
        "/proc/pressure",
    };

    for (size_t i = 0; i < SRT_ARRAY_LEN(always); i++)
        make_read_only(always[i]);
    if (plan_access_at(p, "/sys") == PLAN_WRITABLE)
        make_read_only("/sys");
    for (size_t i = 0; i < SRT_ARRAY_LEN(from_root) && config->root; i++)
        make_read_only(from_root[i]);
}

void sup_mounts_make(const struct sup_config *c, int proc, int fuse)
{
    const struct plan *p = c->plan;
    int *clones = srt_xcalloc(p->nregions + 1, sizeof(*clones));
    struct mount_points base;
    bool masked = false;

    config = c;
    read_mount_points(proc, &base);
    for (size_t i = 0; i < p->nregions; i++) {
        masked |= p->regions[i].access == PLAN_MASKED;
        clones[i] = needs_clone(p, i)
                        ? clone_tree(p->regions[i].path, VND_AT_RECURSIVE)
                        : -1;
    }
    for (size_t i = 0; i < p->nregions; i++)
        if (p->regions[i].pinned)
            pin(p->regions[i].path);
    if (masked) {
        make_plain_masks(p);
        masked = mount_fuse(fuse);
        fuse = masked ? fuse : -1;
    }
    for (size_t i = 0; i < p->nregions; i++) {
        if (p->regions[i].access == PLAN_MASKED)
            place_mask(p, i, fuse >= 0);
        else if (clones[i] >= 0)
            place_clone(&base, &p->regions[i], clones[i]);
    }
    protect_machine(p);
    (void)umount2(MASKS "/fuse", MNT_DETACH);
    (void)umount2(MASKS, MNT_DETACH);
    srt_free_ptr(&clones);
    release_mount_points(&base);
}
