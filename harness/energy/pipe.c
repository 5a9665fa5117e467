/* SPDX-License-Identifier: MIT
 *
 * --meter-cmd: a command that prints a line for each reading of a meter,
 *
 *     monotonic_ns channel unit value
 *
 * monotonic_ns: CLOCK_MONOTONIC when the meter was read. unit: J, a count of joules that only
 * grows; W, a power; V and A, voltage and current in this order: a power. Powers are integrated
 * here, by trapezoids between the meter's own times, so that each channel is a counter. The
 * channels are those of the lines up to the first repetition. Anything else in the output ends the
 * metering, with the line as the reason. */
#include "harness/energy/routes.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "harness/store.h"

static const int64_t FIRST_LINES_NS = 5000000000;
static const int64_t OLD_NS = 10000000000; /* an older time is another clock's */
static const int64_t MERCY_NS = 500000000; /* from SIGTERM to SIGKILL */
static const double JOULES_MAX = 1e12;     /* 64 bits of uJ hold them */

static const char fix_lines[] = "the command must print lines `monotonic_ns channel unit value`, "
                                "e.g. `81234567890 wall W 63.5`, and flush each";

struct stream {
    char name[48], unit;
    _Atomic uint64_t raw; /* uJ: the only member that two threads use */
    int64_t time_ns;      /* of the last reading; 0: none yet */
    double value;         /* of the last reading: J or W */
    double volts, joules;
    bool has_volts;
};

struct pipe {
    pid_t pid; /* 0: not started */
    int fd, stop_fd;
    pthread_t thread;
    bool running;
    int lines;
    size_t used;
    char text[4096];
    struct stream stream[ENERGY_CHANNELS_MAX];
    int count, max;
    bool repeated; /* all channels have been seen */
    double step_j; /* of a unit J, by its decimals */
    char failure[200];
    _Atomic int error; /* set once, after failure */
};

/* ---- lines ---- */

static int fail(struct pipe *p, int error, const char *what, const char *line)
{
    int n = snprintf(p->failure, sizeof p->failure, "line %d of the meter's command: %s: '%.80s'",
                     p->lines, what, line);

    for (int i = 0; i < n && i < (int)sizeof p->failure; i++)
        if (iscntrl((unsigned char)p->failure[i]))
            p->failure[i] = '?';
    return error;
}

static struct stream *find_stream(struct pipe *p, const char *name, char unit)
{
    struct stream *s;

    for (int c = 0; c < p->count; c++)
        if (strcmp(p->stream[c].name, name) == 0)
            return &p->stream[c];
    if (p->repeated || p->count == p->max)
        return NULL;
    s = &p->stream[p->count++];
    snprintf(s->name, sizeof s->name, "%s", name);
    s->unit = unit;
    return s;
}

/* A power's joules since its first reading; a count's as they are. */
static void take(struct stream *s, int64_t time_ns, double value)
{
    if (s->unit == 'J')
        s->joules = value;
    else if (s->time_ns)
        s->joules += 0.5 * (s->value + value) * 1e-9 * (double)(time_ns - s->time_ns);
    s->time_ns = time_ns;
    s->value = value;
    atomic_store_explicit(&s->raw, (uint64_t)llround(1e6 * s->joules), memory_order_release);
}

static int take_reading(struct pipe *p, struct stream *s, char unit, int64_t time_ns, double value,
                        const char *line)
{
    char kind = unit == 'A' ? 'V' : unit;
    int64_t now_ns = clock_ns();

    if (s->unit != kind)
        return fail(p, -EBADMSG, "the channel had another unit before", line);
    if (time_ns > now_ns || time_ns < now_ns - OLD_NS)
        return fail(p, -EBADMSG, "the time is not CLOCK_MONOTONIC's, now", line);
    if (unit == 'V') {
        s->volts = value;
        s->has_volts = true;
        return 0;
    }
    if (unit == 'A' && !s->has_volts)
        return fail(p, -EBADMSG, "a current before its voltage", line);
    if (time_ns <= s->time_ns)
        return fail(p, -EBADMSG, "the time does not advance", line);
    p->repeated = p->repeated || s->time_ns;
    take(s, time_ns, unit == 'A' ? s->volts * value : value);
    return 0;
}

static int take_line(struct pipe *p, char *line)
{
    static const char format[] = "not `monotonic_ns channel unit value`";
    char copy[128], *field[4], *end, *rest = copy;
    int fields = 0;
    long long time_ns;
    double value;
    struct stream *s;

    p->lines++;
    if (strlen(line) >= sizeof copy)
        return fail(p, -EBADMSG, format, line);
    memcpy(copy, line, strlen(line) + 1);
    for (char *f = strtok_r(copy, " \t", &rest); f; f = strtok_r(NULL, " \t", &rest))
        if (fields++ < 4)
            field[fields - 1] = f;
    if (fields != 4 || !isdigit((unsigned char)field[0][0]) ||
        strlen(field[1]) >= sizeof p->stream[0].name || strlen(field[2]) != 1 ||
        !strchr("JWVA", field[2][0]))
        return fail(p, -EBADMSG, format, line);
    errno = 0;
    time_ns = strtoll(field[0], &end, 10);
    if (*end || errno)
        return fail(p, -EBADMSG, format, line);
    value = strtod(field[3], &end);
    if (end == field[3] || *end || !(value >= 0) || value > JOULES_MAX)
        return fail(p, -EBADMSG, "the value is not a number from 0", line);
    if (field[2][0] == 'J' && strchr(field[3], '.'))
        p->step_j = fmin(p->step_j, pow(10, -(double)strlen(strchr(field[3], '.') + 1)));
    s = find_stream(p, field[1], field[2][0] == 'A' ? 'V' : field[2][0]);
    return s ? take_reading(p, s, field[2][0], time_ns, value, line) : 0;
}

static int take_text(struct pipe *p)
{
    char *line = p->text, *newline;
    int error = 0;

    while (!error && (newline = memchr(line, '\n', p->used - (size_t)(line - p->text)))) {
        *newline = '\0';
        error = strlen(line) == (size_t)(newline - line) ? take_line(p, line)
                                                         : fail(p, -EBADMSG, "a zero byte", line);
        line = newline + 1;
    }
    p->used -= (size_t)(line - p->text);
    memmove(p->text, line, p->used);
    if (!error && p->used == sizeof p->text)
        error = fail(p, -EBADMSG, "a line without an end", "");
    return error;
}

/* ---- the command ---- */

/* A while. status->si_pid is 0 when it has not exited; it is not reaped, so its number stays its.
 */
static void wait_exit(const struct pipe *p, siginfo_t *status)
{
    int64_t until = clock_ns() + MERCY_NS;

    do {
        *status = (siginfo_t){ 0 };
        if (waitid(P_PID, (id_t)p->pid, status, WEXITED | WNOHANG | WNOWAIT) || status->si_pid)
            return;
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    } while (clock_ns() < until);
}

/* After the end of its output; a command that lives on is killed at close. */
static int say_ended(struct pipe *p)
{
    siginfo_t status;

    wait_exit(p, &status);
    if (!status.si_pid)
        snprintf(p->failure, sizeof p->failure,
                 "the meter's command closed its output after line %d", p->lines);
    else
        snprintf(p->failure, sizeof p->failure, "the meter's command ended after line %d, %s %d",
                 p->lines, status.si_code == CLD_EXITED ? "with status" : "by signal",
                 status.si_status);
    return -EPIPE;
}

/* Waits for text, at most until a time, and takes it. -ECANCELED: told to stop; -ETIMEDOUT. */
static int pump(struct pipe *p, int64_t until_ns)
{
    struct pollfd files[2] = { { .fd = p->fd, .events = POLLIN },
                               { .fd = p->stop_fd, .events = POLLIN } };
    int64_t left_ns = until_ns - clock_ns();
    int timeout_ms = until_ns == INT64_MAX ? -1 : left_ns < 0 ? 0 : (int)(left_ns / 1000000) + 1;
    int ready = poll(files, 2, timeout_ms);
    ssize_t got;

    if (ready < 0)
        return errno == EINTR ? 0 : -errno;
    if (ready == 0)
        return -ETIMEDOUT;
    if (files[1].revents)
        return -ECANCELED;
    got = read(p->fd, p->text + p->used, sizeof p->text - p->used);
    if (got < 0)
        return errno == EINTR ? 0 : -errno;
    if (got == 0)
        return say_ended(p);
    p->used += (size_t)got;
    return take_text(p);
}

static void *run(void *arg)
{
    struct pipe *p = arg;
    int error = 0;

    while (!error)
        error = pump(p, INT64_MAX);
    if (error != -ECANCELED)
        atomic_store_explicit(&p->error, error, memory_order_release);
    return NULL;
}

/* In a process group of its own, so that what it starts ends with it; with signals as a shell
 * expects them. */
static int spawn(struct pipe *p, const char *command)
{
    extern char **environ;
    char *argv[] = { (char[]){ "sh" }, (char[]){ "-c" }, NULL, NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    int ends[2], error;

    argv[2] = strdup(command);
    if (!argv[2])
        return -ENOMEM;
    if (pipe2(ends, O_CLOEXEC)) {
        error = -errno;
        free(argv[2]);
        return error;
    }
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    error = posix_spawn(&p->pid, "/bin/sh", &actions, &attributes, argv, environ);
    if (error)
        p->pid = 0;
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    free(argv[2]);
    close(ends[1]);
    p->fd = ends[0];
    return -error;
}

/* The group's number stays the command's until the command is reaped. */
static void end_command(struct pipe *p)
{
    siginfo_t status;

    if (!p->pid)
        return;
    kill(-p->pid, SIGTERM);
    wait_exit(p, &status);
    kill(-p->pid, SIGKILL);
    while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

static void pipe_close(void *state)
{
    struct pipe *p = state;

    if (p->running) {
        eventfd_write(p->stop_fd, 1);
        pthread_join(p->thread, NULL);
    }
    end_command(p);
    if (p->fd >= 0)
        close(p->fd);
    if (p->stop_fd >= 0)
        close(p->stop_fd);
    free(p);
}

/* ---- the route ---- */

static int start(struct pipe *p, const char *command)
{
    int64_t until = clock_ns() + FIRST_LINES_NS;
    sigset_t all, before;
    int error;

    p->stop_fd = eventfd(0, EFD_CLOEXEC);
    error = p->stop_fd < 0 ? -errno : spawn(p, command);
    while (!error && !p->repeated)
        error = pump(p, until);
    if (error == -ETIMEDOUT && p->count > 0 && p->stream[0].time_ns) {
        p->repeated = true;
        error = 0;
    }
    if (error)
        return error;
    sigfillset(&all); /* signals are the other threads' business */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = -pthread_create(&p->thread, NULL, run, p);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    p->running = error == 0;
    return error;
}

static int pipe_open(void **state, const struct meter_context *context,
                     struct energy_channel *channels, int max, struct why *why)
{
    struct pipe *p;
    int error, count;

    if (!context->command) {
        why_set(why, "skipped", "--meter-cmd", NULL, "no --meter-cmd was given");
        return -ENOENT;
    }
    p = calloc(1, sizeof *p);
    if (!p)
        return -ENOMEM;
    *p = (struct pipe){ .fd = -1, .stop_fd = -1, .max = max, .step_j = 1 };
    error = start(p, context->command);
    if (error) {
        if (error == -ETIMEDOUT)
            snprintf(p->failure, sizeof p->failure, "the meter's command printed no line in %.0f s",
                     1e-9 * (double)FIRST_LINES_NS);
        why_set(why, "broken", context->command, fix_lines, "%s",
                p->failure[0] ? p->failure : strerror(-error));
        pipe_close(p);
        return error;
    }
    count = p->count;
    for (int c = 0; c < count; c++) {
        channels[c] = (struct energy_channel){ .role = ENERGY_BOARD,
                                               .parent = -1,
                                               .lsb = 1e-6,
                                               .provenance = PROVENANCE_METERED,
                                               .why = { .status = "ok" } };
        channels[c].resolution = p->stream[c].unit == 'J' ? p->step_j : 0;
        snprintf(channels[c].name, sizeof channels[c].name, "%s", p->stream[c].name);
        snprintf(channels[c].source, sizeof channels[c].source, "%s", context->command);
    }
    *state = p;
    return count;
}

static void pipe_read(void *state, int channel, struct energy_sample *sample)
{
    struct pipe *p = state;

    sample->time_ns = clock_ns();
    sample->spread_ns = 0;
    sample->error = atomic_load_explicit(&p->error, memory_order_acquire);
    sample->raw = atomic_load_explicit(&p->stream[channel].raw, memory_order_acquire);
}

static const char *pipe_failure(void *state, int channel)
{
    const struct pipe *p = state;

    (void)channel;
    return p->failure;
}

const struct energy_route energy_pipe = {
    .name = "pipe",
    .what = "a meter outside, read by a command (--meter-cmd)",
    .open = pipe_open,
    .read = pipe_read,
    .failure = pipe_failure,
    .close = pipe_close,
};
