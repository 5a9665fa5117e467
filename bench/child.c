/* SPDX-License-Identifier: MIT */
#include "bench/child.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "bench/rows.h"
#include "harness/sysfs.h"

enum { POLL_NS = 50000000, TEXT_MAX = 32, PATHS_MAX = 512 };

/* ---- the process that waits ---- */

struct watch *child_watch(int fd)
{
    void *memory = mmap(NULL, sizeof(struct watch), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

/* How often the kernel has killed for want of memory: in this cgroup, or where that is not to be
 * read, on this machine. -1: not known. */
static int64_t oom_kills(void)
{
    char path[PATHS_MAX];
    int64_t count = -1;

    if (!sysfs_cgroup("", "memory.events", path, sizeof path) &&
        !sysfs_field("", path, "oom_kill", &count))
        return count;
    return sysfs_field("", "/proc/vmstat", "oom_kill", &count) ? -1 : count;
}

/* In the new process. */
static void become(const struct run *run, int position, int fd, pid_t parent)
{
    char id[TEXT_MAX], place[TEXT_MAX], number[TEXT_MAX];
    const int own = dup(fd); /* stays open in the program to come */

    snprintf(id, sizeof id, "%lld", (long long)run->id);
    snprintf(place, sizeof place, "%d", position);
    snprintf(number, sizeof number, "%d", own);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (own >= 0 && getppid() == parent)
        execl("/proc/self/exe", "tritbench", "block", run->config->db, id, place, number,
              (char *)NULL);
    _exit(2);
}

/* Until it ends, a signal comes, or a step takes too long. *limit_ns: of the step, if so. */
static int wait_for(pid_t pid, const struct watch *watch, int64_t *limit_ns)
{
    const struct timespec pause = { 0, POLL_NS };
    bool told = false;
    int status;

    *limit_ns = 0;
    for (;;) {
        const pid_t ended = waitpid(pid, &status, WNOHANG);
        if (ended == pid || (ended < 0 && errno != EINTR))
            return ended == pid ? status : -1;
        if (run_stop && !told) {
            kill(pid, SIGTERM); /* a terminal tells all, kill(1) may have told only this one */
            told = true;
        }
        const int64_t limit = watch->limit_ns, since = watch->since_ns;
        if (limit && !*limit_ns && clock_ns() - since > limit) {
            *limit_ns = limit;
            kill(pid, SIGKILL);
        }
        nanosleep(&pause, NULL);
    }
}

static void explain(int status, int64_t limit_ns, int64_t oom, struct child_end *end)
{
    const int64_t now = oom_kills();

    end->status = status >= 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (limit_ns)
        snprintf(end->reason, CHILD_REASON_MAX, "killed: not done after %lld s",
                 (long long)(limit_ns / 1000000000));
    else if (status < 0 || WIFEXITED(status))
        snprintf(end->reason, CHILD_REASON_MAX, "its process ended with exit status %d",
                 end->status);
    else if (WTERMSIG(status) == SIGKILL && oom >= 0 && now > oom)
        snprintf(end->reason, CHILD_REASON_MAX, "killed by SIGKILL: out of memory (oom_kill %lld)",
                 (long long)now);
    else
        snprintf(end->reason, CHILD_REASON_MAX, "killed by SIG%s%s",
                 sigabbrev_np(WTERMSIG(status)) ? sigabbrev_np(WTERMSIG(status)) : "?",
                 WTERMSIG(status) == SIGKILL ? ": by whom is not known" : "");
}

int child_run(struct run *run, int position, struct child_end *end)
{
    const int fd = memfd_create("tritbench-watch", MFD_CLOEXEC);
    const pid_t parent = getpid();
    const int64_t oom = oom_kills();
    struct watch *watch = NULL;
    int64_t limit_ns;
    int error = 0;

    *end = (struct child_end){ .status = -1, .spec = -1 };
    if (fd < 0 || ftruncate(fd, sizeof *watch) || !(watch = child_watch(fd))) {
        error = -errno;
        goto out;
    }
    watch->deadline_ns = run->deadline_ns;
    watch->end_ns = run->end_ns;
    watch->spec = -1;
    const pid_t pid = fork();
    if (pid == 0)
        become(run, position, fd, parent);
    if (pid < 0) {
        error = -errno;
        goto out;
    }
    const int status = wait_for(pid, watch, &limit_ns);
    explain(status, limit_ns, oom, end);
    end->cell = watch->cell;
    end->spec = watch->spec;
    end->deadline_ns = watch->deadline_ns;
out:
    if (watch)
        munmap(watch, sizeof *watch);
    if (fd >= 0)
        close(fd);
    return error;
}

/* ---- tests ---- */

/* Is `what` to happen to this format? */
static bool injected(const char *what, const char *format)
{
    const char *text = getenv("TRITBENCH_INJECT");
    const size_t n = strlen(what);

    return text && !strncmp(text, what, n) && text[n] == ':' && !strcmp(text + n + 1, format);
}

void child_inject_build(const struct run *run, const char *format)
{
    if (run->watch && injected("build", format))
        raise(SIGKILL);
    if (run->watch && injected("stop", format))
        raise(SIGINT);
}

void child_inject(struct run *run, int64_t cell)
{
    sqlite3_stmt *s = NULL;

    if (!run->watch || !getenv("TRITBENCH_INJECT") ||
        sqlite3_prepare_v2(store_db(run->store),
                           "SELECT format FROM cell c WHERE id = ?1 AND EXISTS (SELECT 1 FROM "
                           "sample WHERE cell = c.id AND round >= 0)",
                           -1, &s, NULL))
        return;
    sqlite3_bind_int64(s, 1, cell);
    if (sqlite3_step(s) == SQLITE_ROW && injected("crash", rows_text(s, 0)))
        raise(SIGILL);
    if (sqlite3_data_count(s) && injected("hang", rows_text(s, 0)))
        for (;;)
            pause();
    sqlite3_finalize(s);
}
