/* SPDX-License-Identifier: MIT
 *
 * The first and only process of a machine that qemu_pmu.sh boots: perf.c on a kernel with a real
 * driver of a real PMU (armv8_pmuv3), which the machine that runs the tests may not have. With
 * -icount an instruction takes 1 ns and counts are exact. Speaks TAP on the console. */
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/hw_breakpoint.h>
#include "harness/counters/perf.h"
#include "harness/counters/sets.h"
#include "harness/counters/sysfs_pmu.h"
#include "tests/kallsyms.h"

/* meter.c's, without its meters: this program is linked of the few files that it tests. */
const char meter_not_its_turn[] = "another channel's turn";

static int number;

static void verdict(bool good, const char *what)
{
    printf("%s %d - %s\n", good ? "ok" : "not ok", ++number, what);
}

/* Two instructions a turn. */
__attribute__((noinline)) static void loop(long turns)
{
    __asm__ volatile("1: subs %0, %0, #1\n b.ne 1b" : "+r"(turns)::"cc");
}

static struct perf_event event(const char *name, uint32_t type, uint64_t config, int group)
{
    struct perf_event e = { .unit = "count",
                            .scale = 1,
                            .type = type,
                            .config = config,
                            .group = group,
                            .exclude_kernel = true };

    snprintf(e.name, sizeof e.name, "%s", name);
    return e;
}

static struct perf *must_open(const struct perf_event *events, int count)
{
    struct perf *perf;
    int error = perf_open(&perf, events, count, "", &perf_linux);

    if (error)
        printf("Bail out! perf_open: %s\n", strerror(-error));
    return perf;
}

static void show(const char *name, struct reading r)
{
    printf("# %s: ", name);
    if (r.reason)
        printf("%s\n", r.reason);
    else
        printf("%.0f%s%s\n", r.value, r.note ? "; " : "", r.note ? r.note : "");
}

/* One piece of code for any number of turns: a copy for a constant would count otherwise. */
__attribute__((noinline, noclone)) static struct reading loop_reading(struct perf *perf, int i,
                                                                      long turns)
{
    struct reading readings[PERF_EVENTS_MAX];

    perf_start(perf, "loop");
    loop(turns);
    perf_stop(perf, readings);
    return readings[i];
}

static bool says(struct reading r, const char *reason)
{
    return isnan(r.value) && r.reason && strstr(r.reason, reason);
}

/* ---- what is there ---- */

static void check_sysfs(void)
{
    struct sysfs_pmu_event e = { .config = 0 };
    struct sysfs_pmu pmu;
    char name[64] = "", why[200] = "";

    verdict(sysfs_pmu_core("", name, sizeof name) && sysfs_pmu_read("", name, &pmu) == 0,
            "sysfs shows the PMU of the core");
    verdict(sysfs_pmu_encode("", name, "cpu_cycles", &e, why, sizeof why) == 0 &&
                e.config == 0x11 && pmu.cpu_count == 0,
            "its cpu_cycles is event 0x11");
    printf("# %s, type %" PRIu32 " %s\n", name, pmu.type, why);
}

/* ---- counts ---- */

static void check_exact(void)
{
    const struct perf_event events[2] = { event("cycles", PERF_TYPE_HARDWARE, 0, 0),
                                          event("instructions", PERF_TYPE_HARDWARE, 1, 0) };
    struct perf *perf = must_open(events, 2);
    double empty, counted[3];
    bool exact = true;

    loop_reading(perf, 1, 1); /* a region's first time takes more */
    empty = loop_reading(perf, 1, 1).value;
    for (int i = 0; i < 3; i++) {
        counted[i] = loop_reading(perf, 1, 1000001).value;
        exact = exact && counted[i] - empty == 2000000; /* NAN is not */
    }
    printf("# instructions of 1 turn: %.0f; of 1000001: %.0f %.0f %.0f\n", empty, counted[0],
           counted[1], counted[2]);
    verdict(exact, "2000000 instructions count 2000000, three times");
    counted[0] = loop_reading(perf, 0, 1000000).value;
    printf("# cycles of 1000000 turns: %.0f\n", counted[0]);
    verdict(counted[0] > 1e6 && counted[0] < 3e6, "cycles are counted");
    perf_close(perf);
}

/* What this machine cannot do, of the set for all of Arm: absent with a reason, silent, or a count
 * that is not 0. */
static void check_set(void)
{
    const struct sets_set *set = sets_find("arm");
    struct perf_event events[PERF_EVENTS_MAX];
    struct reading readings[PERF_EVENTS_MAX];
    struct perf *perf;
    int values = 0, silent = 0, zeros = 0, cycles = 0;

    for (int i = 0; i < set->count; i++)
        events[i] = event(set->events[i].channel, set->events[i].type, set->events[i].config,
                          set->events[i].group);
    perf = must_open(events, set->count);
    for (int turn = 0; turn < 2 * perf_groups(perf); turn++) {
        perf_start(perf, "loop");
        loop(1000000);
        perf_stop(perf, readings);
        for (int i = 0; i < set->count; i++) {
            if (readings[i].reason == meter_not_its_turn)
                continue;
            if (turn < perf_groups(perf))
                show(events[i].name, readings[i]);
            zeros += readings[i].value == 0;
            values += !readings[i].reason;
            silent += says(readings[i], "silent");
            cycles += !readings[i].reason && strcmp(events[i].name, "cycles") == 0;
        }
    }
    printf("# %d groups\n", perf_groups(perf));
    verdict(cycles == 2 * perf_groups(perf), "each group of the Arm set counts cycles in its turn");
    verdict(silent > 0 && values > 0 && zeros == 0,
            "a raw event that opens and stays 0 is silent, not 0");
    perf_close(perf);
}

static void check_absent(void)
{
    const struct perf_event e = event("LLC", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BUS_CYCLES + 3, -1);
    struct perf *perf = must_open(&e, 1);

    printf("# %s: %s\n", perf_why(perf, 0)->status, perf_why(perf, 0)->said);
    verdict(strcmp(perf_why(perf, 0)->status, "absent") == 0 &&
                says(loop_reading(perf, 0, 1000), "driver"),
            "an event that the driver does not have is absent");
    perf_close(perf);
}

/* ---- shared counters ---- */

enum { RIVALS = 3, RIVAL_EVENTS = 4, TURNS = 40 };

/* Groups that want the counters all at once, against the rules of perf.c, so that the kernel
 * multiplexes them. */
static void open_rivals(struct perf **rivals)
{
    struct perf_event events[RIVAL_EVENTS];

    for (int i = 0; i < RIVAL_EVENTS; i++)
        events[i] = event("rival", PERF_TYPE_RAW, 0x08, 0);
    for (int r = 0; r < RIVALS; r++)
        rivals[r] = must_open(events, RIVAL_EVENTS);
}

/* The rivals are there for `shared` of the turns of 5 ms. */
static struct reading share(struct perf *perf, int shared)
{
    struct reading readings[RIVAL_EVENTS], result[RIVAL_EVENTS];
    struct perf *rivals[RIVALS];

    open_rivals(rivals);
    perf_start(perf, "loop");
    for (int turn = 0; turn < TURNS; turn++) {
        if (turn == 0 && shared > 0)
            for (int r = 0; r < RIVALS; r++)
                perf_start(rivals[r], "loop");
        if (turn == shared && shared > 0)
            for (int r = 0; r < RIVALS; r++)
                perf_stop(rivals[r], readings);
        loop(2500000);
    }
    if (shared == TURNS)
        for (int r = 0; r < RIVALS; r++)
            perf_stop(rivals[r], readings);
    perf_stop(perf, result);
    for (int r = 0; r < RIVALS; r++)
        perf_close(rivals[r]);
    return result[0];
}

static void check_multiplexed(void)
{
    const double instructions = 5e6 * TURNS;
    struct perf_event events[RIVAL_EVENTS];
    struct perf *perf;
    struct reading r;

    for (int i = 0; i < RIVAL_EVENTS; i++)
        events[i] = event("instructions", PERF_TYPE_RAW, 0x08, 0);
    perf = must_open(events, RIVAL_EVENTS);
    r = share(perf, 0);
    show("alone", r);
    verdict(!r.reason && !r.note && fabs(r.value - instructions) < 1e-3 * instructions,
            "a set that has the counters for itself is exact, and has no note");
    r = share(perf, TURNS / 20);
    show("a twentieth of the time with rivals", r);
    verdict(!r.reason && r.note && strstr(r.note, "scaled: counted 9") &&
                fabs(r.value - instructions) < 2e-2 * instructions,
            "a set that was multiplexed for a while is scaled, right, and says so");
    r = share(perf, TURNS);
    show("all the time with rivals", r);
    verdict(says(r, "not counted: it ran only"),
            "a set that was multiplexed throughout is no value");
    perf_close(perf);
}

/* ---- never ---- */

/* With counters of their own taken by pinned events, a group opens and never runs. */
static void check_never(void)
{
    struct perf_event_attr pin = {
        .size = sizeof pin, .type = PERF_TYPE_RAW, .config = 0x08, .pinned = 1, .exclude_kernel = 1
    };
    struct perf_event events[3];
    struct perf *perf;
    struct reading r;
    int fds[64], count = 0;

    while (count < 64 && (fds[count] = perf_linux.open(&pin, 0, -1, -1, PERF_FLAG_FD_CLOEXEC)) >= 0)
        count++;
    for (int i = 0; i < 3; i++)
        events[i] = event("starved", PERF_TYPE_RAW, 0x08, 0);
    perf = must_open(events, 3);
    r = loop_reading(perf, 0, 10000000);
    show("starved", r);
    printf("# %d groups; %s: %s\n", perf_groups(perf), perf_why(perf, 0)->status,
           perf_why(perf, 0)->said);
    verdict(says(r, "never ran") && strcmp(perf_why(perf, 0)->status, "absent") == 0 &&
                perf_groups(perf) == 3,
            "a group that opens and never runs is split, and is not counted");
    perf_close(perf);
    while (count > 0)
        close(fds[--count]);
    perf = must_open(events, 3);
    verdict(perf_groups(perf) == 1 && !loop_reading(perf, 0, 1000).reason,
            "the same group runs once the counters are free");
    perf_close(perf);
}

/* ---- the kernel's own functions ---- */

/* One system call, and 1234 of them, by a breakpoint on the function that serves it. Arm's kernel
 * takes breakpoints in itself for a CPU, not for a process: there is one of each. */
static void check_system_calls(void)
{
    const uintptr_t at = kallsyms_find(KALLSYMS_GETPPID);
    struct perf_event e = event("getppid", PERF_TYPE_BREAKPOINT, HW_BREAKPOINT_X, -1);
    struct reading one, many;
    struct perf *perf;

    e.exclude_kernel = false;
    e.config1 = at;
    e.config2 = sizeof(long);
    e.boxes = 1;
    e.box[0] = (struct perf_box){ PERF_TYPE_BREAKPOINT, 0 };
    perf = must_open(&e, 1);
    printf("# " KALLSYMS_GETPPID " at %#lx: %s\n", (unsigned long)at, perf_why(perf, 0)->said);
    perf_start(perf, "calls");
    syscall(SYS_getppid);
    perf_stop(perf, &one);
    perf_start(perf, "calls");
    for (int i = 0; i < 1234; i++)
        syscall(SYS_getppid);
    perf_stop(perf, &many);
    show("1 call", one);
    show("1234 calls", many);
    verdict(at && one.value == 1 && many.value == 1234,
            "a breakpoint on a function of the kernel counts its calls exactly");
    perf_close(perf);
}

/* ---- another user ---- */

static void check_denied(void)
{
    pid_t pid;
    int status = 1;

    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        const struct perf_event e = event("cycles", PERF_TYPE_HARDWARE, 0, 0);
        struct perf *perf;

        if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
            _exit(1);
        perf = must_open(&e, 1);
        printf("# %s: %s\n", perf_why(perf, 0)->status, perf_why(perf, 0)->said);
        fflush(stdout);
        _exit(strcmp(perf_why(perf, 0)->status, "denied") != 0 ||
              !says(loop_reading(perf, 0, 1000), "perf_event_paranoid is 3"));
    }
    waitpid(pid, &status, 0);
    verdict(status == 0, "paranoid 3 denies another user, who is told so");
}

static void mount_at(const char *type, const char *path)
{
    mkdir(path, 0755);
    if (mount(type, path, type, 0, NULL))
        printf("# mount %s: failed\n", path);
}

int main(void)
{
    mount_at("devtmpfs", "/dev");
    for (int fd = 0; fd < 3; fd++)
        dup2(open("/dev/console", O_RDWR), fd);
    setvbuf(stdout, NULL, _IOLBF, 0);
    mount_at("proc", "/proc");
    mount_at("sysfs", "/sys");
    printf("\n=== tap ===\n1..14\n");
    check_sysfs();
    check_exact();
    check_set();
    check_absent();
    check_multiplexed();
    check_never();
    check_system_calls();
    check_denied();
    printf("=== end ===\n");
    sync();
    reboot(RB_POWER_OFF);
    return 0;
}
