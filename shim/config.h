/* What the launcher tells the shim: one file, /dev/srt/shim, read-only inside.
 * Without it the shim passes every call through untouched. */
#ifndef SRT_SHIM_CONFIG_H
#define SRT_SHIM_CONFIG_H

#include <stdint.h>

#define SHIM_CONFIG_PATH  "/dev/srt/shim"
#define SHIM_IMAGE_PATH   "/dev/srt/image" /* the policy image */
#define SHIM_CONFIG_MAGIC UINT32_C(0x53485231)

enum shim_mode {
    SHIM_MODE_NONE = 0,
    SHIM_MODE_ANNOTATE = 1, /* a supervisor is present */
    SHIM_MODE_ROUTE = 2,    /* none is: route sockets, report failures */
};

struct shim_config {
    uint32_t magic;
    uint32_t mode;        /* enum shim_mode */
    uint64_t run;         /* random for each run; see note.h */
    uint16_t socks_port;  /* on 127.0.0.1, host order */
    uint16_t report_port; /* on 127.0.0.1, host order */
    uint32_t image_size;  /* bytes of SHIM_IMAGE_PATH; 0: none */
};

#endif
