/* SPDX-License-Identifier: MIT */
#include "harness/counters/perf_group.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* General counters that every PMU in use has, also when two threads share a core (Intel) or the
 * watchdog holds one (AMD). */
enum { GENERAL_COUNTERS = 4 };

enum { WARM_NS = 1000000 };

/* ---- the kernel ---- */

static int linux_open(struct perf_event_attr *attr, pid_t pid, int cpu, int group,
                      unsigned long flags)
{
    return (int)syscall(SYS_perf_event_open, attr, pid, cpu, group, flags);
}

static int linux_control(int fd, unsigned long request, unsigned long argument)
{
    return ioctl(fd, request, argument);
}

const struct perf_system perf_linux = { linux_open, linux_control, read, close };

/* ---- opening ---- */

/* These happen in kernel mode only: without it they are 0 by definition. */
static bool kernel_only(const struct perf_event *event)
{
    return event->type == PERF_TYPE_SOFTWARE && (event->config == PERF_COUNT_SW_CONTEXT_SWITCHES ||
                                                 event->config == PERF_COUNT_SW_CPU_MIGRATIONS);
}

static struct perf_event_attr attributes(const struct perf_event *event, bool leader)
{
    struct perf_event_attr attr = {
        .size = sizeof attr,
        .type = event->type,
        .config = event->config,
        .config1 = event->config1,
        .config2 = event->config2,
        .read_format = PERF_FORMAT_GROUP | PERF_FORMAT_TOTAL_TIME_ENABLED |
                       PERF_FORMAT_TOTAL_TIME_RUNNING | PERF_FORMAT_ID,
        .disabled = leader,
        .inherit = event->boxes == 0,
        .exclude_kernel = event->exclude_kernel,
        .exclude_user = event->exclude_user,
    };

    if (event->type == PERF_TYPE_BREAKPOINT) {
        attr.config = 0;
        attr.bp_type = (uint32_t)event->config;
    }
    return attr;
}

/* A descriptor, or -errno. Where the kernel must not be counted, user mode alone is. */
static int open_event(struct perf *perf, int i, const struct perf_box *box, int group_fd)
{
    const struct perf_event *event = &perf->event[i];
    struct perf_event_attr attr = attributes(event, group_fd < 0);
    const pid_t pid = box ? -1 : 0;
    const int cpu = box ? box->cpu : -1;
    int fd;

    if (box)
        attr.type = box->type;
    fd = perf->system.open(&attr, pid, cpu, group_fd, PERF_FLAG_FD_CLOEXEC);
    if (fd < 0 && (errno == EACCES || errno == EPERM) && !box && !event->exclude_kernel &&
        !event->exclude_user && !kernel_only(event)) {
        const int first = errno;

        attr.exclude_kernel = 1;
        fd = perf->system.open(&attr, pid, cpu, group_fd, PERF_FLAG_FD_CLOEXEC);
        perf->user_only[i] = fd >= 0;
        if (fd < 0)
            errno = errno == EINVAL && group_fd < 0 ? first : errno; /* it can exclude nothing */
    }
    return fd < 0 ? -errno : fd;
}

/* Adds event i to the group, as its leader where it is the first. 0 or -errno. */
static int add_event(struct perf *perf, struct perf_group *group, int i, const struct perf_box *box)
{
    const int n = group->count;
    int fd = open_event(perf, i, box, n ? group->fd[0] : -1);

    if (fd < 0)
        return fd;
    if (perf->system.control(fd, PERF_EVENT_IOC_ID, (unsigned long)&group->id[n])) {
        int error = -errno;

        perf->system.close(fd);
        return error;
    }
    group->fd[n] = fd;
    group->event[n] = i;
    group->count++;
    return 0;
}

static struct perf_group *new_group(struct perf *perf)
{
    if (perf->groups == perf->room) {
        int room = perf->room ? 2 * perf->room : 8;
        struct perf_group *larger = realloc(perf->group, (size_t)room * sizeof *larger);

        if (!larger)
            return NULL;
        perf->group = larger;
        perf->room = room;
    }
    perf->group[perf->groups] = (struct perf_group){ .count = 0 };
    return &perf->group[perf->groups++];
}

static void close_group(struct perf *perf, struct perf_group *group)
{
    while (group->count > 0)
        perf->system.close(group->fd[--group->count]);
}

/* Whose counters are the same: a group is on one PMU. */
static uint32_t pmu_of(const struct perf_event *event)
{
    return event->type == PERF_TYPE_HARDWARE || event->type == PERF_TYPE_HW_CACHE ? PERF_TYPE_RAW
                                                                                  : event->type;
}

static bool fits(const struct perf *perf, const struct perf_group *group,
                 const struct perf_event *event)
{
    const struct perf_event *leader = &perf->event[group->event[0]];
    const bool hardware = perf_hardware(event);

    if (!group->count || leader->boxes || leader->group != event->group ||
        pmu_of(leader) != pmu_of(event) || event->type == PERF_TYPE_BREAKPOINT)
        return false;
    return group->count < (hardware && event->group < 0 ? GENERAL_COUNTERS : PERF_GROUP_MAX);
}

/* The events of one box on one CPU are a group: fewer calls to start and read them. */
static struct perf_group *group_of_box(struct perf *perf, int i, const struct perf_box *box)
{
    for (int g = perf->groups - 1; g >= 0; g--) {
        struct perf_group *group = &perf->group[g];
        const struct perf_event *leader = &perf->event[group->event[0]];

        if (leader->boxes && group->count < GENERAL_COUNTERS && group->event[0] != i &&
            group->box.type == box->type && group->box.cpu == box->cpu)
            return group;
    }
    return NULL;
}

/* A sum without one of its parts is none. */
static void remove_event(struct perf *perf, int i)
{
    int kept = 0;

    for (int g = 0; g < perf->groups; g++) {
        struct perf_group *group = &perf->group[g];

        if (group->count && group->event[group->count - 1] == i) /* the last that was added */
            perf->system.close(group->fd[--group->count]);
    }
    for (int g = 0; g < perf->groups; g++)
        if (perf->group[g].count)
            perf->group[kept++] = perf->group[g];
    perf->groups = kept;
}

static int open_boxes(struct perf *perf, int i)
{
    const struct perf_event *event = &perf->event[i];

    for (int b = 0; b < event->boxes; b++) {
        struct perf_group *group = group_of_box(perf, i, &event->box[b]);
        int error = group ? add_event(perf, group, i, &event->box[b]) : -EINVAL;

        if (error == -EINVAL) {
            group = new_group(perf);
            if (!group)
                return -ENOMEM;
            group->box = event->box[b];
            error = add_event(perf, group, i, &event->box[b]);
        }
        if (!error)
            continue;
        remove_event(perf, i);
        perf_explain(&perf->why[i], event, error, perf->sysroot);
        return 0;
    }
    return 0;
}

/* Event i into the last group that takes it, else into one of its own: what a PMU cannot count with
 * the others of a group it may count alone. */
static int open_one(struct perf *perf, int i, bool alone)
{
    const struct perf_event *event = &perf->event[i];
    struct perf_group *group = NULL;
    int error = -EINVAL;

    why_set(&perf->why[i], "ok", event->name, NULL, "counted");
    if (event->boxes)
        return open_boxes(perf, i);
    for (int g = perf->groups - 1; g >= 0 && !group && !alone; g--)
        if (fits(perf, &perf->group[g], event))
            group = &perf->group[g];
    if (group)
        error = add_event(perf, group, i, NULL);
    if (error == -EINVAL) {
        group = new_group(perf);
        if (!group)
            return -ENOMEM;
        group->turns = perf_hardware(event);
        error = add_event(perf, group, i, NULL);
        if (error)
            perf->groups--;
    }
    if (error)
        perf_explain(&perf->why[i], event, error, perf->sysroot);
    return 0;
}

/* ---- the first millisecond ---- */

/* Takes a group that never ran apart: its place gets the first half, a new group the rest. */
static int split(struct perf *perf, int g)
{
    const struct perf_group old = perf->group[g];
    const int half = old.count / 2;
    int first[2] = { g, perf->groups }, error;

    close_group(perf, &perf->group[g]);
    if (!new_group(perf))
        return -ENOMEM;
    perf->group[first[1]].turns = old.turns;
    perf->group[first[1]].box = old.box;
    for (int m = 0; m < old.count; m++) {
        error = add_event(perf, &perf->group[first[m >= half]], old.event[m],
                          perf->event[old.event[m]].boxes ? &old.box : NULL);
        if (error)
            perf_explain(&perf->why[old.event[m]], &perf->event[old.event[m]], error,
                         perf->sysroot);
    }
    return 0;
}

static int warm_group(struct perf *perf, int g)
{
    struct perf_group *group = &perf->group[g];

    perf_group_enable(perf, group);
    for (int64_t end = clock_ns() + WARM_NS; clock_ns() < end;)
        ;
    perf_group_disable(perf, group);
    perf_group_read(perf, group);
    if (group->error || group->running)
        return 0;
    if (group->count > 1)
        return split(perf, g) ? -ENOMEM : -EAGAIN;
    why_set(&perf->why[group->event[0]], "absent", perf->event[group->event[0]].name,
            "sysctl kernel.nmi_watchdog=0 frees a counter; on a CPU with two kinds of cores, pin "
            "to the kind whose PMU it is",
            "opened, and did not run in a millisecond: no free counter, or another kind of core");
    return 0;
}

/* Those that take turns first; what a split left empty goes. */
static void sort_groups(struct perf *perf)
{
    int kept = 0;

    for (int g = 0; g < perf->groups; g++)
        if (perf->group[g].count)
            perf->group[kept++] = perf->group[g];
    perf->groups = kept;
    for (int g = 0; g < perf->groups; g++) {
        struct perf_group group = perf->group[g];

        if (!group.turns)
            continue;
        memmove(&perf->group[perf->turning + 1], &perf->group[perf->turning],
                (size_t)(g - perf->turning) * sizeof group);
        perf->group[perf->turning++] = group;
    }
}

static int threads_before(void)
{
    DIR *dir = opendir("/proc/self/task");
    int count = 0;

    for (const struct dirent *entry; dir && (entry = readdir(dir)) != NULL;)
        count += entry->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return count > 1 ? count - 1 : 0;
}

static void write_notes(struct perf *perf)
{
    for (int percent = 0; percent < 90; percent++)
        snprintf(perf->part[percent], sizeof perf->part[0],
                 "not counted: it ran only %d%% of the time", percent);
    for (int i = 0; i < perf->events; i++) {
        char always[64] = "";
        int n = 0;

        if (perf->user_only[i])
            n = snprintf(always, sizeof always, ":u, user mode only");
        if (perf->threads && !perf->event[i].boxes)
            snprintf(always + n, sizeof always - (size_t)n, "%s%d older threads not counted",
                     n ? "; " : "", perf->threads);
        for (int k = 0; k < PERF_EXACT; k++)
            snprintf(perf->note[i][k], sizeof perf->note[0][0],
                     "scaled: counted %d%% of the time%s%s", 90 + k, always[0] ? "; " : "", always);
        snprintf(perf->note[i][PERF_EXACT], sizeof perf->note[0][0], "%s", always);
    }
}

int perf_open(struct perf **result, const struct perf_event *events, int count, const char *sysroot,
              const struct perf_system *system)
{
    struct perf *perf;
    int error = 0;

    *result = NULL;
    if (count > PERF_EVENTS_MAX)
        return -E2BIG;
    perf = calloc(1, sizeof *perf);
    if (!perf)
        return -ENOMEM;
    perf->system = *system;
    perf->sysroot = sysroot;
    perf->events = count;
    perf->threads = threads_before();
    memcpy(perf->event, events, (size_t)count * sizeof *events);
    for (int i = 0; i < count && !error; i++)
        error = open_one(perf, i, false);
    for (int g = 0; g < perf->groups && !error; g += error == 0) {
        error = perf->group[g].count ? warm_group(perf, g) : 0;
        if (error == -EAGAIN) { /* the first half, once more */
            error = 0;
            g--;
        }
    }
    if (error) {
        perf_close(perf);
        return error;
    }
    sort_groups(perf);
    write_notes(perf);
    *result = perf;
    return 0;
}

void perf_close(struct perf *perf)
{
    if (!perf)
        return;
    for (int g = 0; g < perf->groups; g++)
        close_group(perf, &perf->group[g]);
    free(perf->group);
    free(perf);
}

int perf_counted(const struct perf *perf)
{
    bool counted[PERF_EVENTS_MAX] = { false };
    int count = 0;

    for (int g = 0; g < perf->groups; g++)
        for (int m = 0; m < perf->group[g].count; m++)
            counted[perf->group[g].event[m]] = true;
    for (int i = 0; i < perf->events; i++)
        count += counted[i];
    return count;
}

int perf_groups(const struct perf *perf)
{
    return perf->turning;
}

const struct why *perf_why(const struct perf *perf, int i)
{
    return &perf->why[i];
}
