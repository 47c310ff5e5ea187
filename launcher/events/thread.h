/* Threads of the store: they take no signal of the program's. */
#ifndef SRT_LAUNCHER_EVENTS_THREAD_H
#define SRT_LAUNCHER_EVENTS_THREAD_H

#include <pthread.h>

/* Returns 0 or an errno. */
int events_thread_start(pthread_t *ret, void *(*run)(void *), void *arg);

#endif
