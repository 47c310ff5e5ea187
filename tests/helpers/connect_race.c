/*
 * connect_race HOST_SOCKET PORT ROUNDS: a second thread swaps the descriptor
 * (a TCP socket for a Unix one) and the address (an allowed one for the path of
 * HOST_SOCKET) under connect(2).  Prints how often HOST_SOCKET answered, and
 * how often the permitted connection did.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static atomic_bool over;
static int slot; /* the descriptor that connect(2) is given */
static struct sockaddr_in tcp;
static struct sockaddr_un host;

static union {
    struct sockaddr sa;
    struct sockaddr_in v4;
    struct sockaddr_un un;
} shared;

static void *swap(void *unused)
{
    (void)unused;
    while (!atomic_load(&over)) {
        int u = socket(AF_UNIX, SOCK_STREAM, 0);
        int t = socket(AF_INET, SOCK_STREAM, 0);

        memcpy(&shared.un, &host, sizeof(host));
        (void)dup2(u, slot);
        (void)usleep((unsigned)(rand() % 120));
        (void)dup2(t, slot);
        memcpy(&shared.v4, &tcp, sizeof(tcp));
        (void)usleep((unsigned)(rand() % 120));
        (void)close(u);
        (void)close(t);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    long got_host = 0;
    long got_tcp = 0;
    long rounds;

    if (argc != 4)
        return 2;
    rounds = atol(argv[3]);
    host.sun_family = AF_UNIX;
    (void)snprintf(host.sun_path, sizeof(host.sun_path), "%s", argv[1]);
    tcp.sin_family = AF_INET;
    tcp.sin_port = htons((unsigned short)atoi(argv[2]));
    (void)inet_pton(AF_INET, "203.0.113.10", &tcp.sin_addr);
    memcpy(&shared.v4, &tcp, sizeof(tcp));
    slot = socket(AF_INET, SOCK_STREAM, 0);
    if (pthread_create(&thread, NULL, swap, NULL) != 0)
        return 2;
    for (long i = 0; i < rounds; i++) {
        struct sockaddr_storage peer;
        socklen_t len = sizeof(peer);
        socklen_t n = i % 2 ? sizeof(host) : sizeof(tcp);

        if (connect(slot, &shared.sa, n) == 0 &&
            getpeername(slot, (struct sockaddr *)&peer, &len) == 0) {
            if (peer.ss_family == AF_UNIX && len > 2)
                got_host++;
            else if (peer.ss_family == AF_INET)
                got_tcp++;
        }
    }
    atomic_store(&over, true);
    (void)pthread_join(thread, NULL);
    /* The permitted twin, undisturbed. */
    slot = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(slot, (struct sockaddr *)&tcp, sizeof(tcp)) == 0)
        got_tcp++;
    printf("host %ld tcp %s\n", got_host, got_tcp > 0 ? "yes" : "no");
    return 0;
}
