/* SPDX-License-Identifier: MIT
 *
 * liblikwid for tests: writes each call to the file $FAKE_LIKWID_LOG, a line each in one write,
 * with the CPU that the thread is pinned to. Its energy counters and failures are what the
 * environment says. Markers behave as likwid 5.2.2's do: a thread that comes is pinned, in order of
 * arrival. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void likwid_markerInit(void);
void likwid_markerThreadInit(void);
void likwid_markerClose(void);
int likwid_markerRegisterRegion(const char *region);
int likwid_markerStartRegion(const char *region);
int likwid_markerStopRegion(const char *region);
int topology_init(void);
void HPMmode(int mode);
int HPMaddThread(int cpu);
int power_init(int cpu);
int power_start(void *data, int cpu, int domain);
double power_getEnergyUnit(int domain);

const char *power_names[5] = { "PKG", "PP0", "PP1", "DRAM", "PLATFORM" };

static int number(const char *name, int otherwise)
{
    const char *text = getenv(name);

    return text ? atoi(text) : otherwise;
}

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
    const char *path = getenv("FAKE_LIKWID_LOG");
    const int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;
    char line[200];
    va_list list;

    va_start(list, format);
    const int n = vsnprintf(line, sizeof line, format, list);
    va_end(list);
    if (fd >= 0 && write(fd, line, (size_t)n) != n)
        abort();
    close(fd);
}

/* The one CPU of this thread, or -1. */
static int cpu_of_thread(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) || CPU_COUNT(&set) != 1)
        return -1;
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET((size_t)i, &set))
            return i;
    return -1;
}

static void pin_to_first(void)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)number("LIKWID_THREADS", 0), &set);
    if (getenv("LIKWID_PIN"))
        sched_setaffinity(0, sizeof set, &set);
}

void likwid_markerInit(void)
{
    say("init\n");
    pin_to_first();
}

void likwid_markerThreadInit(void)
{
    say("thread %d\n", cpu_of_thread());
    pin_to_first();
}

void likwid_markerClose(void)
{
    say("close\n");
}

int likwid_markerRegisterRegion(const char *region)
{
    say("register %s %d\n", region, cpu_of_thread());
    return 0;
}

int likwid_markerStartRegion(const char *region)
{
    say("start %s %d\n", region, cpu_of_thread());
    return number("FAKE_LIKWID_START", 0);
}

int likwid_markerStopRegion(const char *region)
{
    say("stop %s %d\n", region, cpu_of_thread());
    return 0;
}

/* ---- power ---- */

static int topology;

int topology_init(void)
{
    topology = 1;
    return 0;
}

void HPMmode(int mode)
{
    say("mode %d\n", mode);
}

int HPMaddThread(int cpu)
{
    say("cpu %d\n", cpu);
    return number("FAKE_LIKWID_ACCESS", 0);
}

int power_init(int cpu)
{
    say("power %d\n", cpu);
    if (!topology)
        return -ENODEV;
    if (number("FAKE_LIKWID_POWER", 1))
        return 1;
    fprintf(stderr, "Cannot gather values from unit register 0x606, deactivating RAPL support\n");
    return 0;
}

/* FAKE_LIKWID_POWER: 0 no RAPL, 32 or 64 the width of PowerData's counters (5.2 and later). A
 * package counts 1000 a read from 2^32 - 1500 on, DRAM stands still, the others are not there. */
int power_start(void *data, int cpu, int domain)
{
    static atomic_uint reads;
    const int width = number("FAKE_LIKWID_POWER", 1);
    uint32_t raw = 7;

    if (!width)
        return -EIO;
    if (domain != 0 && domain != 3)
        return -EFAULT;
    if (domain == 0)
        raw = (uint32_t)(-1500 + 1000 * (int)atomic_fetch_add(&reads, 1)) + (uint32_t)cpu;
    const uint64_t wide = raw;
    memcpy(data, &domain, sizeof domain);
    if (width == 64)
        memcpy((char *)data + 8, &wide, sizeof wide);
    else
        memcpy((char *)data + 4, &raw, sizeof raw);
    return 0;
}

double power_getEnergyUnit(int domain)
{
    return domain == 3 ? 15.3e-6 : 1.0 / (1 << 14);
}
