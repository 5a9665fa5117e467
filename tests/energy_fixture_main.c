/* SPDX-License-Identifier: MIT
 *
 * energy_fixture ROOT KIND [SECONDS [WATTS [JUMP MS]]]
 *     makes a tree; then lets its counters advance, with JUMP joules on top every MS milliseconds,
 *     a tenth of JUMP more each time, so that no two windows have the same,
 *     and after SECONDS, or SIGTERM, prints how late the latest update was, in ms
 * energy_fixture meter LINES MS WATTS [LAST]    prints lines of a meter: a power every MS
 *                                               milliseconds, at the end the line LAST */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "tests/energy_fixture.h"

static void pause_ns(int64_t ns)
{
    nanosleep(&(struct timespec){ .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 }, NULL);
}

static int print_meter(int lines, int ms, const char *watts, const char *last)
{
    for (int l = 0; l < lines; l++) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        printf("%lld wall W %s\n", (long long)now.tv_sec * 1000000000 + now.tv_nsec, watts);
        if (fflush(stdout))
            return 1;
        pause_ns((int64_t)ms * 1000000);
    }
    if (last)
        puts(last);
    return 0;
}

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static volatile sig_atomic_t told;

static void on_term(int signal)
{
    (void)signal;
    told = 1;
}

/* jump_j 0: none. */
static int advance(const char *root, double seconds, double watts, double jump_j, int every_ms)
{
    const int64_t start_ns = now_ns(), end_ns = start_ns + (int64_t)(1e9 * seconds);
    struct energy_writer *writer;
    int error = energy_writer_start(&writer, root, watts, 1000000), jumps = 0;

    if (error)
        return error;
    while (!told && now_ns() < end_ns) {
        pause_ns((int64_t)every_ms * 1000000);
        if (jump_j > 0)
            energy_writer_jump(writer, jump_j * (1 + 0.1 * jumps++));
    }
    printf("%.3f\n", 1e3 * energy_writer_gap_s(writer, start_ns, now_ns()));
    energy_writer_stop(writer);
    return 0;
}

int main(int argc, char **argv)
{
    int error;

    if (argc >= 5 && strcmp(argv[1], "meter") == 0)
        return print_meter(atoi(argv[2]), atoi(argv[3]), argv[4], argc > 5 ? argv[5] : NULL);
    if (argc < 3) {
        fprintf(stderr, "energy_fixture: ROOT KIND [SECONDS [WATTS [JUMP MS]]]\n");
        return 2;
    }
    sigaction(SIGTERM, &(struct sigaction){ .sa_handler = on_term }, NULL);
    error = energy_fixture_make(argv[1], argv[2]);
    if (!error && argc > 3)
        error = advance(argv[1], atof(argv[3]), argc > 4 ? atof(argv[4]) : 65,
                        argc > 6 ? atof(argv[5]) : 0, argc > 6 ? atoi(argv[6]) : 10);
    if (error)
        fprintf(stderr, "energy_fixture: %s %s: %s\n", argv[1], argv[2], strerror(-error));
    return error ? 1 : 0;
}
