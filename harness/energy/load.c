/* SPDX-License-Identifier: MIT */
#include "harness/energy/load.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "harness/counter.h"

/* user nice system idle iowait irq softirq steal: guest time is inside user's. */
enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, FIELDS };

static int64_t clock_of(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int load_open(const char *sysroot)
{
    return counter_open(sysroot, "/proc/stat");
}

/* The first line: "cpu  1 2 3 ...". */
static bool parse(const char *text, struct load_edge *edge)
{
    uint64_t field[FIELDS];

    if (strncmp(text, "cpu ", 4) != 0)
        return false;
    text += 3;
    for (int f = 0; f < FIELDS; f++) {
        size_t digits;

        text += strspn(text, " ");
        digits = strspn(text, "0123456789");
        if (counter_parse(text, digits, &field[f]))
            return false;
        text += digits;
    }
    edge->busy = field[USER] + field[NICE] + field[SYSTEM] + field[IRQ] + field[SOFTIRQ];
    edge->steal = field[STEAL];
    edge->all = edge->busy + field[IDLE] + field[IOWAIT] + field[STEAL];
    return true;
}

/* How far CLOCK_BOOTTIME is ahead. A thread that loses its CPU between two clocks sees a suspension
 * that there was not: of a few tries that counts which took the least time. */
static int64_t suspended_ns(void)
{
    int64_t suspended = 0, least = INT64_MAX;

    for (int i = 0; i < 3; i++) {
        const int64_t before = clock_of(CLOCK_MONOTONIC), boot = clock_of(CLOCK_BOOTTIME);
        const int64_t took = clock_of(CLOCK_MONOTONIC) - before;
        if (took < least) {
            least = took;
            suspended = boot - before;
        }
    }
    return suspended;
}

void load_read(int fd, struct load_edge *edge)
{
    char text[256];
    ssize_t length = fd < 0 ? -1 : pread(fd, text, sizeof text - 1, 0);

    edge->own_ns = clock_of(CLOCK_PROCESS_CPUTIME_ID);
    edge->suspended_ns = suspended_ns();
    edge->known = false;
    if (length <= 0)
        return;
    text[length] = '\0';
    edge->known = parse(text, edge);
}

/* Ticks come whole, one more or less at each edge: what may be rounding is not held against
 * anybody. In a window in which next to nothing is busy, 2 % are meant of one CPU. */
static bool is_foreign(double foreign_s, double busy_s, double window_s, double tick_s,
                       const struct energy_rules *rules)
{
    double of_s = busy_s > window_s ? busy_s : window_s;

    return foreign_s - 2 * tick_s > rules->foreign_share * of_s;
}

static void set_state(struct energy_window *window, enum window_state state, const char *reason)
{
    if (state <= window->state)
        return;
    window->state = state;
    snprintf(window->reason, sizeof window->reason, "%s", reason);
}

static void judge_ticks(const struct load_edge *begin, const struct load_edge *end,
                        const struct energy_rules *rules, struct energy_window *window)
{
    double tick_s = 1.0 / (double)sysconf(_SC_CLK_TCK), window_s = 1e-9 * (double)window->time_ns;
    double own_s = 1e-9 * (double)(end->own_ns - begin->own_ns), busy_s, foreign_s;
    char reason[sizeof window->reason];

    if (!begin->known || !end->known || end->busy < begin->busy || end->all < begin->all)
        return;
    busy_s = tick_s * (double)(end->busy - begin->busy);
    foreign_s = busy_s > own_s ? busy_s - own_s : 0;
    if (busy_s > 0)
        window->foreign_share = foreign_s / busy_s;
    if (is_foreign(foreign_s, busy_s, window_s, tick_s, rules)) {
        snprintf(reason, sizeof reason,
                 "other processes used %.3g s of CPU time, %.3g %% of what was busy", foreign_s,
                 100 * window->foreign_share);
        set_state(window, WINDOW_CONTENDED, reason);
    }
    if (end->steal < begin->steal) /* some hypervisors report steal that goes back */
        return;
    if (end->all > begin->all)
        window->steal_share = (double)(end->steal - begin->steal) / (double)(end->all - begin->all);
    if (end->steal > begin->steal) {
        snprintf(reason, sizeof reason, "the hypervisor took %.3g s of CPU time (steal)",
                 tick_s * (double)(end->steal - begin->steal));
        set_state(window, WINDOW_CONTENDED, reason);
    }
}

void load_judge(const struct load_edge *begin, const struct load_edge *end,
                const struct energy_rules *rules, struct energy_window *window)
{
    double suspended_s = 1e-9 * (double)(end->suspended_ns - begin->suspended_ns);
    char reason[sizeof window->reason];

    window->foreign_share = window->steal_share = NAN;
    window->guard_share = window->time_ns > 0
                              ? (double)(end->guard_ns - begin->guard_ns) / (double)window->time_ns
                              : 0;
    judge_ticks(begin, end, rules, window);
    if (window->guard_share > rules->guard_share) {
        snprintf(reason, sizeof reason,
                 "the guard used %.2g %% of the window's time, more than %g %%",
                 100 * window->guard_share, 100 * rules->guard_share);
        set_state(window, WINDOW_INVALID, reason);
    }
    if (fabs(suspended_s) > rules->suspend_s) {
        snprintf(reason, sizeof reason, "the machine was suspended for %.3g s", suspended_s);
        set_state(window, WINDOW_INVALID, reason);
    }
}
