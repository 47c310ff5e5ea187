/* Between the files of the HTTP listener: one client and its one exchange. */
#ifndef SRT_PROXY_HTTP_PARTS_H
#define SRT_PROXY_HTTP_PARTS_H

#include "policy/host.h"
#include "proxy/http.h"
#include "proxy/reach.h"

enum { PROXY_HTTP_BLOCK = 16384 };

/* Bytes on their way from one descriptor to another. */
struct proxy_http_flow {
    struct srt_buf buf;
    size_t at; /* sent of buf */
};

enum proxy_http_state {
    PROXY_HTTP_HEAD,      /* the head is read */
    PROXY_HTTP_REACHING,  /* judged, looked up, dialled; nothing is read */
    PROXY_HTTP_RELAYING,  /* body up, answer down */
    PROXY_HTTP_LINGERING, /* all is said; what still comes is thrown away */
};

struct proxy_http_exchange {
    struct proxy *p;
    enum proxy_http_state state;
    struct proxy_watch client, server;
    struct proxy_timer limit;
    struct proxy_reach *reach; /* NULL: none under way */
    int client_fd, server_fd;  /* owned, or -1 */
    uint16_t port;             /* the client's, inside */
    sa_family_t family;
    size_t scanned;
    struct srt_buf head; /* as it came, and what came with it */
    struct proxy_http_request request;
    char host[POLICY_HOST_SIZE]; /* canonical; request.host */
    struct proxy_http_body body;
    struct proxy_http_flow up, down;
    bool client_eof; /* the client sends no more */
    bool excess;     /* it sent more than its request: nobody reads it */
    bool up_closed;  /* the server was told that no more comes */
    bool up_failed;  /* the server takes no more */
    bool server_eof, server_reset;
};

/* http_conn.c: end at once. */
void proxy_http_drop(struct proxy_http_exchange *x);
/* Nothing more is said.  The client closes first, for a time: a close with
 * unread bytes resets the connection, and a client whose write fails may never
 * read its answer. */
void proxy_http_linger(struct proxy_http_exchange *x);
/* read(2) into PROXY_HTTP_BLOCK bytes; -2: nothing there now. */
ssize_t proxy_http_read(int fd, char *block);
/* Send what waits.  False: the other side is gone. */
bool proxy_http_push(struct proxy_http_flow *f, int fd);

/* http_answer.c: answers of our own; each ends the exchange. */
void proxy_http_answer(struct proxy_http_exchange *x, int status,
                       const char *text);
void proxy_http_answer_reached(struct proxy_http_exchange *x,
                               const struct proxy_reached *r);

/* http_relay.c: from the rewritten head on.  Takes the server. */
void proxy_http_relay_start(struct proxy_http_exchange *x, int server);
/* The client's descriptor is ready. */
void proxy_http_relay_client(struct proxy_http_exchange *x, unsigned ready);

#endif
