/* The version of srt. */
#ifndef SRT_VENDOR_VERSION_H
#define SRT_VENDOR_VERSION_H

const char *vnd_srt_version(void);

#endif
