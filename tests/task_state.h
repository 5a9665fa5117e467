/* SPDX-License-Identifier: MIT
 *
 * A thread's state as /proc shows it: is a worker of a pool awake? */
#ifndef TESTS_TASK_STATE_H
#define TESTS_TASK_STATE_H

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A job of the pool (threads_fn): arg is the long that gets thread 1's number. */
static inline void task_note(void *arg, int index, int count)
{
    (void)count;
    if (index == 1)
        *(long *)arg = syscall(SYS_gettid);
}

/* S while it sleeps, R while it runs or spins; 0: /proc does not show it. */
static inline char task_state(long task)
{
    char path[64], line[256] = "";

    snprintf(path, sizeof path, "/proc/self/task/%ld/stat", task);
    FILE *f = fopen(path, "r");
    if (!f)
        return 0;
    const char *name_end = fgets(line, sizeof line, f) ? strrchr(line, ')') : NULL;
    fclose(f);
    return name_end ? name_end[2] : 0;
}

#endif
