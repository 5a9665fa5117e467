/* SPDX-License-Identifier: MIT */
#include "tests/fake_perf.h"

#include <errno.h>
#include <string.h>

enum { FDS = 4096, FIRST = 1000, SLICE_NS = 1000000 };

struct fake_perf fake_perf;

static struct descriptor {
    struct perf_event_attr attr;
    int leader; /* itself, when it is one */
    bool open, enabled;
    uint64_t enabled_ns, running_ns, value;
} fds[FDS];

void fake_perf_reset(void)
{
    memset(fds, 0, sizeof fds);
    fake_perf = (struct fake_perf){ .cover = 1, .silent = UINT64_MAX };
}

static int members(int leader)
{
    int count = 0;

    for (int i = 0; i < FDS; i++)
        count += fds[i].open && fds[i].leader == leader;
    return count;
}

static int refuse(int error)
{
    errno = error;
    return -1;
}

static int fake_open(struct perf_event_attr *attr, pid_t pid, int cpu, int group,
                     unsigned long flags)
{
    int i = 0;

    (void)cpu;
    (void)flags;
    if (fake_perf.error)
        return refuse(fake_perf.error);
    if (fake_perf.kernel_error && !attr->exclude_kernel)
        return refuse(fake_perf.kernel_error);
    if (fake_perf.bad_error && attr->type == fake_perf.bad_type &&
        attr->config == fake_perf.bad_config)
        return refuse(fake_perf.bad_error);
    if (fake_perf.group_limit && group >= 0 && members(group - FIRST) == fake_perf.group_limit)
        return refuse(EINVAL);
    while (i < FDS && fds[i].open)
        i++;
    if (i == FDS)
        return refuse(EMFILE);
    fds[i] =
        (struct descriptor){ .attr = *attr, .open = true, .leader = group < 0 ? i : group - FIRST };
    fake_perf.opened++;
    fake_perf.leaders += group < 0;
    fake_perf.tasks += pid >= 0;
    return FIRST + i;
}

static bool hardware(const struct descriptor *d)
{
    return d->attr.type != PERF_TYPE_SOFTWARE;
}

static void run(int leader)
{
    const bool never =
        fake_perf.group_room && hardware(&fds[leader]) && members(leader) > fake_perf.group_room;
    const uint64_t ran = never ? 0 : (uint64_t)(fake_perf.cover * SLICE_NS);

    fds[leader].enabled_ns += SLICE_NS;
    fds[leader].running_ns += ran;
    for (int i = 0; i < FDS; i++)
        if (fds[i].open && fds[i].leader == leader && fds[i].attr.config != fake_perf.silent)
            fds[i].value += ran * (1000 + fds[i].attr.config) / SLICE_NS;
}

static int fake_control(int fd, unsigned long request, unsigned long argument)
{
    struct descriptor *d = &fds[fd - FIRST];
    int enabled = 0;

    if (request == PERF_EVENT_IOC_ID)
        *(uint64_t *)argument = (uint64_t)fd * 7;
    if (request == PERF_EVENT_IOC_ENABLE)
        d->enabled = true;
    if (request == PERF_EVENT_IOC_DISABLE && d->enabled) {
        run(fd - FIRST);
        d->enabled = false;
    }
    for (int i = 0; i < FDS; i++)
        enabled += fds[i].open && fds[i].enabled && hardware(&fds[i]);
    if (enabled > fake_perf.enabled_largest)
        fake_perf.enabled_largest = enabled;
    return 0;
}

/* The members backwards: the reader must go by the ids. */
static ssize_t fake_read(int fd, void *buffer, size_t size)
{
    uint64_t *words = buffer;
    const int leader = fd - FIRST;
    int count = 0;

    if (fake_perf.read_error)
        return refuse(fake_perf.read_error);
    for (int i = FDS - 1; i >= 0; i--) {
        if (!fds[i].open || fds[i].leader != leader)
            continue;
        if ((size_t)(5 + 2 * count) * sizeof *words > size)
            return refuse(ENOSPC);
        words[3 + 2 * count] = fds[i].value;
        words[4 + 2 * count++] = (uint64_t)(FIRST + i) * 7;
    }
    words[0] = (uint64_t)count;
    words[1] = fds[leader].enabled_ns;
    words[2] = fds[leader].running_ns;
    return (ssize_t)((size_t)(3 + 2 * count) * sizeof *words);
}

static int fake_close(int fd)
{
    fds[fd - FIRST].open = false;
    fake_perf.closed++;
    return 0;
}

const struct perf_system fake_perf_system = { fake_open, fake_control, fake_read, fake_close };
