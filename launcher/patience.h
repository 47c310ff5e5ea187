/* A line for who waits at a terminal while srt is busy. */
#ifndef SRT_LAUNCHER_PATIENCE_H
#define SRT_LAUNCHER_PATIENCE_H

#include <pthread.h>
#include <stdbool.h>

struct launcher_patience {
    const char *text;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t over;
    bool running, done;
};

/* Say `text` (borrowed) once, unless launcher_patience_end() comes within two seconds.
 * No process is made in between: a thread waits. */
void launcher_patience_begin(struct launcher_patience *p, bool wanted,
                             const char *text);
void launcher_patience_end(struct launcher_patience *p);

#endif
