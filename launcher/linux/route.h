/*
 * Connections handed over by the supervisor (CHANNEL_CONNECT, CANCEL, TUNNEL)
 * to the proxy, and the proxy's refusals to the event store.
 */
#ifndef SRT_LAUNCHER_LINUX_ROUTE_H
#define SRT_LAUNCHER_LINUX_ROUTE_H

#include "launcher/linux/session.h"

struct route;

/* proxy_options.ops for the proxy that the session will use; `ctx` is the
 * returned route.  Sets s->proxy. */
enum srt_rc route_new(struct session *s, struct route **ret,
                      struct srt_err *err) SRT_MUST_CHECK;
/* CHANNEL_SOCKETS: give the listeners to the proxy.  Takes the fds. */
enum srt_rc route_sockets(struct route *r, const struct channel_msg *m,
                          int *fds, size_t nfds,
                          struct srt_err *err) SRT_MUST_CHECK;
/* CHANNEL_CONNECT, CANCEL, TUNNEL.  Takes the fds. */
void route_handle(struct route *r, const struct channel_msg *m, int *fds,
                  size_t nfds);
void route_free(struct route *r);

#endif
