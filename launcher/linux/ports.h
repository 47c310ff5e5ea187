/* Ports of srt's own listeners inside the sandbox's network namespace.  They
 * are bound before the command starts, so nothing inside can take them. */
#ifndef SRT_LAUNCHER_LINUX_PORTS_H
#define SRT_LAUNCHER_LINUX_PORTS_H

#define PORTS_DNS    53
#define PORTS_HTTP   3128 /* proxyEnv: HTTP_PROXY, HTTPS_PROXY */
#define PORTS_SOCKS  1080 /* proxyEnv: ALL_PROXY; the shim's routing */
#define PORTS_REPORT 1081 /* the shim's reports, level preload */

#endif
