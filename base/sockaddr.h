/* A socket address of the families that srt knows. */
#ifndef SRT_BASE_SOCKADDR_H
#define SRT_BASE_SOCKADDR_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

union srt_sockaddr {
    struct sockaddr sa;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un un;
};

#endif
