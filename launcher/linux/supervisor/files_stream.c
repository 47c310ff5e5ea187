/* Files that were handed in, opened again by their names in /proc. */
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "launcher/linux/supervisor/files.h"

#ifndef PIPEFS_MAGIC
# define PIPEFS_MAGIC 0x50495045
#endif

/* A magic link of /proc/TID/fd: the file that a descriptor stands for.  What
 * is open for writing may be opened again; so may what has no place. */
static bool leads_to_own_stream(const struct sup_entry *at)
{
    char path[64 + sizeof(at->name)];
    char text[128] = "";
    const char *flags;
    SRT_AUTO_FD int fd = -1;
    struct stat st;
    struct statfs fs;

    if (fstatfs(at->parent, &fs) != 0 || fs.f_type != PROC_SUPER_MAGIC)
        return false;
    (void)snprintf(path, sizeof(path), "../fdinfo/%s", at->name);
    if (faccessat(at->parent, path, F_OK, 0) != 0)
        return false;
    fd = openat(at->parent, at->name, O_PATH | O_CLOEXEC);
    if (fd < 0 && srt_fd_is_lack(errno))
        return false;
    if (fd < 0 || fstat(fd, &st) != 0 || fstatfs(fd, &fs) != 0)
        return true; /* the kernel says why */
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) &&
        !(S_ISFIFO(st.st_mode) && fs.f_type != PIPEFS_MAGIC))
        return true;
    srt_fd_close(&fd);
    fd = openat(at->parent, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
        return false;
    flags = strstr(text, "flags:\t");
    return flags != NULL &&
           (strtol(flags + 7, NULL, 8) & O_ACCMODE) != O_RDONLY;
}

bool sup_files_is_own_stream(const struct sup_entry *at)
{
    bool is;

    sup_leave();
    is = leads_to_own_stream(at);
    sup_return();
    return is;
}
