/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "tests/energy_fixture.h"

enum { ZONES_MAX = 16, WIDTH = 20 };
enum { UPDATES_MAX = 1 << 20 }; /* 17 minutes at 1 kHz */

struct zone {
    int fd;
    double share;
    uint64_t range_uj, base_uj; /* it counts from range to 0 */
};

struct update {
    int64_t value_ns, visible_ns; /* the time that the value is of; when it was written */
};

struct energy_writer {
    struct zone zone[ZONES_MAX];
    int zones;
    double watts;
    int64_t period_ns;
    pthread_t thread;
    struct update *updates; /* (UPDATES_MAX) */
    _Atomic int count;
    _Atomic bool stop;
    pthread_mutex_t lock; /* below */
    double jump_j;
};

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static double share_of(const char *name)
{
    static const struct {
        const char *prefix;
        double share;
    } shares[] = {
        { "package", 1 }, { "dram", 0.1 }, { "core", 0.5 }, { "uncore", 0.05 }, { "psys", 1.3 }
    };

    for (size_t s = 0; s < sizeof shares / sizeof shares[0]; s++)
        if (strncmp(name, shares[s].prefix, strlen(shares[s].prefix)) == 0)
            return shares[s].share;
    return 1;
}

/* The text of a file beside energy_uj. */
static int read_beside(const char *energy_path, const char *file, char *text, int size)
{
    char path[PATH_MAX];
    FILE *stream;
    char *got;

    snprintf(path, sizeof path, "%.*s%s", (int)(strrchr(energy_path, '/') + 1 - energy_path),
             energy_path, file);
    stream = fopen(path, "re");
    if (!stream)
        return -errno;
    got = fgets(text, size, stream);
    fclose(stream);
    return got ? 0 : -EIO;
}

static int open_zone(struct energy_writer *w, const char *path)
{
    struct zone *zone = &w->zone[w->zones];
    char name[64], range[64], value[64];

    if (read_beside(path, "name", name, sizeof name) ||
        read_beside(path, "max_energy_range_uj", range, sizeof range) ||
        read_beside(path, "energy_uj", value, sizeof value))
        return 0; /* not one that counts */
    if (w->zones == ZONES_MAX)
        return -E2BIG;
    zone->fd = open(path, O_WRONLY | O_CLOEXEC);
    if (zone->fd < 0)
        return -errno;
    zone->share = share_of(name);
    zone->range_uj = strtoull(range, NULL, 10);
    zone->base_uj = strtoull(value, NULL, 10);
    w->zones++;
    return 0;
}

static void write_zone(const struct zone *zone, double joules)
{
    double unit_uj = fmax(1, (double)zone->range_uj / 4294967295.0);
    uint64_t wrap = zone->range_uj + (uint64_t)llround(unit_uj);
    uint64_t counts = (uint64_t)floor(1e6 * joules * zone->share / unit_uj);
    uint64_t value = (zone->base_uj + (uint64_t)floor((double)counts * unit_uj)) % wrap;
    char text[WIDTH + 1];
    int digits = snprintf(text, sizeof text, "%llu", (unsigned long long)value);

    memset(text + digits, '\n', (size_t)(WIDTH - digits));
    if (pwrite(zone->fd, text, WIDTH, 0) != WIDTH)
        abort(); /* a full disk: no test can go on */
}

static void *run(void *arg)
{
    struct energy_writer *w = arg;
    const int64_t start = now_ns();
    int64_t due = start;
    double extra_j = 0;

    while (!w->stop) {
        struct timespec until = { .tv_sec = due / 1000000000, .tv_nsec = due % 1000000000 };
        struct update update;
        int count = w->count;

        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        pthread_mutex_lock(&w->lock);
        update.value_ns = now_ns();
        extra_j += w->jump_j;
        w->jump_j = 0;
        pthread_mutex_unlock(&w->lock);
        for (int z = 0; z < w->zones; z++)
            write_zone(&w->zone[z], extra_j + 1e-9 * (double)(update.value_ns - start) * w->watts);
        update.visible_ns = now_ns();
        w->updates[count % UPDATES_MAX] = update;
        w->count = count + 1;
        due += w->period_ns;
        if (due < update.visible_ns) /* late: keep the pace, as a counter does */
            due += w->period_ns * ((update.visible_ns - due) / w->period_ns + 1);
    }
    return NULL;
}

/* Ahead of the others on the CPU where that is allowed: a late update is the writer's error. */
static void hurry(pthread_t thread)
{
    struct sched_param priority = { .sched_priority = 1 };

    pthread_setschedparam(thread, SCHED_FIFO, &priority);
}

int energy_writer_start(struct energy_writer **writer, const char *root, double watts,
                        int64_t period_ns)
{
    struct energy_writer *w = calloc(1, sizeof *w);
    char pattern[PATH_MAX];
    glob_t found = { 0 };
    int error = -ENOMEM;

    *writer = NULL;
    if (!w)
        return -ENOMEM;
    w->watts = watts;
    w->period_ns = period_ns;
    pthread_mutex_init(&w->lock, NULL);
    w->updates = calloc(UPDATES_MAX, sizeof *w->updates);
    if (!w->updates)
        goto out;
    snprintf(pattern, sizeof pattern, "%s/sys/class/powercap/*/energy_uj", root);
    error = glob(pattern, 0, NULL, &found) ? -ENOENT : 0;
    for (size_t f = 0; f < found.gl_pathc && !error; f++)
        error = open_zone(w, found.gl_pathv[f]);
    if (!error)
        error = -pthread_create(&w->thread, NULL, run, w);
    if (error)
        goto out;
    globfree(&found);
    hurry(w->thread);
    *writer = w;
    return 0;
out:
    globfree(&found);
    for (int z = 0; z < w->zones; z++)
        close(w->zone[z].fd);
    free(w->updates);
    free(w);
    return error;
}

void energy_writer_stop(struct energy_writer *w)
{
    if (!w)
        return;
    w->stop = true;
    pthread_join(w->thread, NULL);
    for (int z = 0; z < w->zones; z++)
        close(w->zone[z].fd);
    pthread_mutex_destroy(&w->lock);
    free(w->updates);
    free(w);
}

void energy_writer_jump(struct energy_writer *w, double joules)
{
    pthread_mutex_lock(&w->lock);
    w->jump_j += joules;
    pthread_mutex_unlock(&w->lock);
}

double energy_writer_lag_s(const struct energy_writer *w, int64_t from_ns, int64_t to_ns)
{
    int64_t lag_ns = 0;

    for (int u = w->count - 1; u >= 0 && u > w->count - UPDATES_MAX; u--) {
        const struct update *update = &w->updates[u % UPDATES_MAX];

        if (update->visible_ns < from_ns)
            break;
        if (update->value_ns <= to_ns && update->visible_ns - update->value_ns > lag_ns)
            lag_ns = update->visible_ns - update->value_ns;
    }
    return 1e-9 * (double)lag_ns;
}

double energy_writer_gap_s(const struct energy_writer *w, int64_t from_ns, int64_t to_ns)
{
    int64_t next_ns = now_ns(), gap_ns = 0; /* the update to come is not written yet */

    for (int u = w->count - 1; u >= 0 && u > w->count - UPDATES_MAX && next_ns >= from_ns; u--) {
        const int64_t visible_ns = w->updates[u % UPDATES_MAX].visible_ns;

        if (visible_ns <= to_ns && next_ns - visible_ns > gap_ns)
            gap_ns = next_ns - visible_ns;
        next_ns = visible_ns;
    }
    return 1e-9 * (double)gap_ns;
}
