/* SPDX-License-Identifier: MIT */
#include "bench/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILD_SECONDS = 20 };

/* The child: nothing that a library prints reaches our outputs. */
static void child(struct doctor *d, const char *name,
                  void (*look)(struct doctor *d, const char *name), int fd)
{
    const int null = open("/dev/null", O_RDWR);

    if (null < 0 || dup2(null, STDOUT_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0)
        _exit(2);
    alarm(CHILD_SECONDS);
    d->rows = json_array();
    look(d, name);
    _exit(json_dumpfd(d->rows, fd, 0) ? 2 : 0);
}

static void say_how(struct doctor *d, const char *kind, const char *name, int status)
{
    static const char tried[] = "a process of its own";

    if (WIFSIGNALED(status))
        doctor_row(d, kind, name, "broken", tried, NULL, "ended by signal %d (%s)",
                   WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        doctor_row(d, kind, name, "broken", tried, NULL, "ended with status %d and said nothing",
                   WEXITSTATUS(status));
}

void doctor_apart(struct doctor *d, const char *kind, const char *name,
                  void (*look)(struct doctor *d, const char *name))
{
    int ends[2], status = 0;

    if (pipe2(ends, O_CLOEXEC)) {
        doctor_row(d, kind, name, "broken", "pipe2", NULL, "%s", strerror(errno));
        return;
    }
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0)
        child(d, name, look, ends[1]);
    close(ends[1]);
    json_t *rows = pid > 0 ? json_loadfd(ends[0], 0, NULL) : NULL;
    close(ends[0]);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        doctor_row(d, kind, name, "broken", "fork", NULL, "%s", strerror(errno));
    else if (rows)
        json_array_extend(d->rows, rows);
    else
        say_how(d, kind, name, status);
    json_decref(rows);
}
