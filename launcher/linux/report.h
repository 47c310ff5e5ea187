/* The shim's reports at level preload (shim/wire.h): advisory, bounded. */
#ifndef SRT_LAUNCHER_LINUX_REPORT_H
#define SRT_LAUNCHER_LINUX_REPORT_H

#include "launcher/linux/session.h"
#include "shim/wire.h"

struct report;

/* Serve the listener (taken) from the session's loop. */
enum srt_rc report_new(struct session *s, int listener, struct report **ret,
                       struct srt_err *err) SRT_MUST_CHECK;
void report_free(struct report *r);

enum report_parse { REPORT_PARSE_OK, REPORT_PARSE_MORE, REPORT_PARSE_BAD };

/* One report: head and an absolute, clean path (NUL-terminated into path,
 * which holds SHIM_WIRE_PATH_MAX + 1 bytes).  Written only on OK. */
enum report_parse report_parse(const void *bytes, size_t len,
                               struct shim_wire_report *ret, char *path);

#endif
