/* What a mount refuses, of what the policy allows. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "launcher/linux/mount_id.h"
#include "launcher/linux/supervisor/files.h"

/* Is what will be written, or the directory of a name that comes or goes, on a
 * mount that is read-only?  (Devices, FIFOs and sockets are written there all
 * the same: faccessat(2) knows.) */
static bool is_read_only(enum channel_check check, const struct sup_entry *at)
{
    const bool opens = check == CHANNEL_CHECK_OPEN;
    int rc = faccessat(at->parent,
                       opens && at->name[0] != '\0' ? at->name : ".", W_OK,
                       AT_EACCESS | AT_SYMLINK_NOFOLLOW);

    if (rc != 0 && errno == ENOENT && opens)
        rc = faccessat(at->parent, ".", W_OK, AT_EACCESS);
    return rc != 0 && errno == EROFS;
}

/* From one mount into another, as the kernel compares them. */
static bool crosses(enum channel_check check, const struct sup_entry *from,
                    const struct sup_entry *to)
{
    const bool is_link = check == CHANNEL_CHECK_LINK;
    const uint64_t id = mount_id(from->parent, is_link ? from->name : "");

    return id != 0 && id != mount_id(to->parent, "");
}

int sup_files_stop(enum channel_check check, const struct sup_entry *at,
                   const struct sup_entry *to)
{
    int err = 0;

    sup_leave();
    if (to != NULL && crosses(check, at, to))
        err = EXDEV;
    else if (is_read_only(check, to != NULL ? to : at))
        err = EROFS;
    sup_return();
    return err;
}
