/* SPDX-License-Identifier: MIT
 *
 * The format of cachegrind's file: its manual, section 5.8. `events:` names the columns, `summary:`
 * has their totals and is the last line. */
#include "harness/cachegrind.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COLUMNS_MAX = 16, LINE_MAX_BYTES = 512, ARGUMENTS_MAX = 32 };

/* ---- the file ---- */

static const struct {
    const char *name;
    size_t offset; /* of the count that it belongs to */
} wanted[] = {
    { "Ir", offsetof(struct cachegrind_counts, instructions) },
    { "D1mr", offsetof(struct cachegrind_counts, d1_misses) },
    { "D1mw", offsetof(struct cachegrind_counts, d1_misses) },
    { "ILmr", offsetof(struct cachegrind_counts, ll_misses) },
    { "DLmr", offsetof(struct cachegrind_counts, ll_misses) },
    { "DLmw", offsetof(struct cachegrind_counts, ll_misses) },
};
enum { WANTED = sizeof wanted / sizeof *wanted };

/* Columns of the file: place[i] is that of wanted[i]. */
struct columns {
    int count, place[WANTED];
};

/* False: one that is wanted is not there. */
static bool read_events(char *text, struct columns *columns)
{
    char *rest = NULL;

    columns->count = 0;
    for (int i = 0; i < WANTED; i++)
        columns->place[i] = -1;
    for (char *name = strtok_r(text, " \n", &rest); name; name = strtok_r(NULL, " \n", &rest)) {
        for (int i = 0; i < WANTED; i++)
            if (!strcmp(name, wanted[i].name))
                columns->place[i] = columns->count;
        columns->count++;
    }
    for (int i = 0; i < WANTED; i++)
        if (columns->place[i] < 0)
            return false;
    return columns->count <= COLUMNS_MAX;
}

/* False: not as many numbers as there are columns. */
static bool read_summary(char *text, const struct columns *columns,
                         struct cachegrind_counts *counts)
{
    int64_t values[COLUMNS_MAX];
    char *rest = NULL;
    int n = 0;

    for (char *word = strtok_r(text, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest)) {
        char *end;
        errno = 0;
        const long long value = strtoll(word, &end, 10);
        if (n == columns->count || !isdigit((unsigned char)*word) || *end || errno)
            return false;
        values[n++] = value;
    }
    if (n != columns->count)
        return false;
    *counts = (struct cachegrind_counts){ 0 };
    for (int i = 0; i < WANTED; i++) {
        int64_t *count = (int64_t *)(void *)((char *)counts + wanted[i].offset);
        if (__builtin_add_overflow(*count, values[columns->place[i]], count))
            return false;
    }
    return counts->instructions > 0;
}

static int refuse(char *why, size_t size, const char *what)
{
    snprintf(why, size, "cachegrind's file: %s", what);
    return -EBADMSG;
}

int cachegrind_parse(FILE *stream, struct cachegrind_counts *counts, char *why, size_t why_size)
{
    struct columns columns = { 0 };
    char line[LINE_MAX_BYTES];
    bool summary = false, whole = true;

    while (fgets(line, sizeof line, stream)) {
        const bool begins = whole; /* else the rest of a long line, such as cmd: */
        whole = strchr(line, '\n') != NULL;
        if (summary)
            return refuse(why, why_size, "something behind its summary");
        if (begins && !strncmp(line, "events:", 7) &&
            (columns.count || !whole || !read_events(line + 7, &columns)))
            return refuse(why, why_size, "events are not those of cachegrind with caches");
        if (!begins || strncmp(line, "summary:", 8) != 0)
            continue;
        if (!columns.count || !whole || !read_summary(line + 8, &columns, counts))
            return refuse(why, why_size, "a summary that is not one number an event");
        summary = true;
    }
    return summary ? 0 : refuse(why, why_size, "no summary: not such a file, or cut off");
}

/* ---- the run ---- */

static bool find_valgrind(char *file, size_t size)
{
    const char *path = getenv("PATH");
    struct stat found;

    for (size_t n; path && *path; path += n + (path[n] == ':')) {
        n = strcspn(path, ":");
        snprintf(file, size, "%.*s/valgrind", (int)(n < 400 ? n : 400), path);
        /* A directory of that name is valgrind's own, in a directory of libraries. */
        if (file[0] == '/' && !stat(file, &found) && S_ISREG(found.st_mode) && !access(file, X_OK))
            return true;
    }
    return false;
}

/* The last line of what was printed, or "". */
static void last_line(int memory, char *text, size_t size)
{
    const off_t end = lseek(memory, 0, SEEK_END);
    const off_t from = end > (off_t)size - 1 ? end - (off_t)size + 1 : 0;
    ssize_t n = pread(memory, text, size - 1, from);

    while (n > 0 && text[n - 1] == '\n')
        n--;
    text[n > 0 ? n : 0] = '\0';
    const char *line = strrchr(text, '\n');
    if (line)
        memmove(text, line + 1, strlen(line));
}

/* Starts argv without a copy of this process, which may be large. 0 or -errno. */
static int start(const char *const *argv, int output, pid_t *pid)
{
    char *const environment[] = { NULL };
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);

    if (error)
        return -error;
    if (!error)
        error = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    for (int fd = 1; fd <= 2 && !error; fd++)
        error = posix_spawn_file_actions_adddup2(&actions, output, fd);
    if (!error)
        error = posix_spawn_file_actions_addchdir_np(&actions, "/");
    if (!error)
        error =
            posix_spawn(pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    return -error;
}

/* 0; -EINTR; -ECHILD with a sentence: it failed. */
static int finish(pid_t pid, const volatile int *stop, int output, char *why, size_t why_size)
{
    char said[200];
    int status;

    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -errno;
        if (stop && *stop)
            kill(pid, SIGTERM);
    }
    if (stop && *stop) {
        snprintf(why, why_size, "stopped by a signal");
        return -EINTR;
    }
    if (WIFEXITED(status) && !WEXITSTATUS(status))
        return 0;
    last_line(output, said, sizeof said);
    if (said[0])
        snprintf(why, why_size, "under valgrind: %s", said);
    else
        snprintf(why, why_size, "under valgrind it ended with status %d, signal %d",
                 WIFEXITED(status) ? WEXITSTATUS(status) : 0,
                 WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    return -ECHILD;
}

/* valgrind's own words and then the program's. False: too many. */
static bool put_together(const char **all, const char *valgrind, const char *out_option,
                         const char *const *argv)
{
    const char *const first[] = {
        valgrind,          "--tool=cachegrind",   "--cache-sim=yes",     "--quiet",
        "--I1=32768,8,64", "--D1=" CACHEGRIND_D1, "--LL=" CACHEGRIND_LL, out_option
    };
    int n = sizeof first / sizeof *first;

    memcpy(all, first, sizeof first);
    for (; *argv && n < ARGUMENTS_MAX; argv++)
        all[n++] = *argv;
    all[n] = NULL;
    return !*argv;
}

int cachegrind_run(const char *const *argv, const volatile int *stop,
                   struct cachegrind_counts *counts, char *why, size_t why_size)
{
    static const char option[] = "--cachegrind-out-file=";
    char out[] = "/tmp/tritbench-cachegrind-XXXXXX", out_option[sizeof option + sizeof out];
    const char *all[ARGUMENTS_MAX + 1];
    char valgrind[512];
    FILE *file = NULL;
    pid_t pid;
    int error = 0, output = -1;

    if (!find_valgrind(valgrind, sizeof valgrind)) {
        snprintf(why, why_size, "valgrind is not installed: apt-get install valgrind");
        return -ENOENT;
    }
    const int fd = mkstemp(out);
    if (fd < 0) {
        error = -errno;
        snprintf(why, why_size, "%s: %s", out, strerror(-error));
        return error;
    }
    close(fd);
    snprintf(out_option, sizeof out_option, "%s%s", option, out);
    why[0] = '\0';
    output = memfd_create("valgrind", MFD_CLOEXEC);
    if (output < 0)
        error = -errno;
    if (!error && !put_together(all, valgrind, out_option, argv))
        error = -E2BIG;
    if (!error)
        error = start(all, output, &pid);
    if (!error)
        error = finish(pid, stop, output, why, why_size);
    if (!error && !(file = fopen(out, "re")))
        error = -errno;
    if (!error)
        error = cachegrind_parse(file, counts, why, why_size);
    if (error && !why[0])
        snprintf(why, why_size, "%s: %s", valgrind, strerror(-error));
    if (file)
        fclose(file);
    if (output >= 0)
        close(output);
    unlink(out);
    return error;
}
