/* What a call fails for by the form of its flags and names. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "launcher/linux/hostcheck_parts.h"

static bool is_mkdir(int nr)
{
#ifdef SYS_mkdir
    if (nr == SYS_mkdir)
        return true;
#endif
    return nr == SYS_mkdirat;
}

/* A path that ends in a slash must be a directory's. */
static bool names_directory(const struct channel_msg *m)
{
    return (m->slashes & 1) != 0;
}

/* Its last component as it was written: "." and ".." are no names. */
static bool ends_in(const struct channel_msg *m, const char *dots)
{
    const char *requested = channel_msg_text(m, CHANNEL_REQUESTED);
    const char *slash;
    size_t len = strlen(requested);

    while (len > 1 && requested[len - 1] == '/')
        len--;
    slash = memrchr(requested, '/', len);
    if (slash != NULL) {
        len -= (size_t)(slash + 1 - requested);
        requested = slash + 1;
    }
    return len == strlen(dots) && memcmp(requested, dots, len) == 0;
}

/* 0, or what stands against it before any name is looked up. */
int hostcheck_form_flags(const struct channel_msg *m)
{
    const unsigned renames = RENAME_NOREPLACE | RENAME_EXCHANGE |
                             4u /* RENAME_WHITEOUT */;

    if (m->check == CHANNEL_CHECK_RENAME &&
        (((unsigned)m->flags & ~renames) != 0 ||
         ((m->flags & RENAME_EXCHANGE) != 0 &&
          (m->flags & ~RENAME_EXCHANGE) != 0)))
        return EINVAL;
    if (m->check == CHANNEL_CHECK_REMOVE && (m->flags & ~AT_REMOVEDIR) != 0)
        return EINVAL;
    return 0;
}

/* "." and ".." are no names to move or remove. */
static int check_dots(const struct channel_msg *m)
{
    const bool here = ends_in(m, ".");

    if (!here && !ends_in(m, ".."))
        return 0;
    if (m->check == CHANNEL_CHECK_RENAME)
        return EBUSY;
    if (m->check == CHANNEL_CHECK_REMOVE && (m->flags & AT_REMOVEDIR) != 0)
        return here ? EINVAL : ENOTEMPTY;
    return 0;
}

/* What a slash at the end says. */
static int check_slashes(const struct channel_msg *m,
                         const struct hostcheck_name *a,
                         const struct hostcheck_name *b)
{
    const bool file = a->exists && !S_ISDIR(a->st.st_mode);

    switch ((enum channel_check)m->check) {
    case CHANNEL_CHECK_CREATE:
        return names_directory(m) && !a->exists && !is_mkdir(m->nr) ? ENOENT
                                                                    : 0;
    case CHANNEL_CHECK_OPEN:
        if ((m->flags & O_CREAT) != 0)
            return names_directory(m) ? EISDIR : 0;
        break;
    case CHANNEL_CHECK_LINK:
        if ((m->slashes & 2) != 0 && !b->exists)
            return ENOENT;
        break;
    case CHANNEL_CHECK_RENAME:
        return file && m->slashes != 0 ? ENOTDIR : 0;
    default:
        break;
    }
    return file && names_directory(m) ? ENOTDIR : 0;
}

/* What only the written form of the names says. */
int hostcheck_form(const struct channel_msg *m, const struct hostcheck_name *a,
                   const struct hostcheck_name *b)
{
    int err = check_dots(m);

    return err != 0 ? err : check_slashes(m, a, b);
}
