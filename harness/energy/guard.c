/* SPDX-License-Identifier: MIT */
#include "harness/energy/guard.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

/* 27 minutes of one channel at 10 Hz. */
enum { RING = 16384 };
static const int64_t INTERVAL_MIN_NS = 1000000;

struct ring {
    struct energy_trace *points; /* (RING) */
    int64_t written;
};

struct guard {
    struct guard_source *sources; /* (count) */
    int count;
    int64_t wrap_ns;  /* between reads of every source */
    int64_t trace_ns; /* between reads of powers and of what is traced; 0: there are none */
    pthread_t thread;
    bool running;
    clockid_t cpu_clock;

    pthread_mutex_t lock; /* the sources, the ring, stop */
    pthread_cond_t wake;
    bool stop, held;
    struct ring ring;
    struct energy_sample *traced; /* (count): the last point's read */
};

int64_t guard_deadline_ns(const struct energy_channel *channel, double max_w,
                          const struct energy_rules *rules)
{
    if (channel->power)
        return (int64_t)(10e9 * rules->trace_s);
    return channel->wrap
               ? (int64_t)(1e9 * (double)channel->wrap * channel->lsb / (rules->margin * max_w))
               : 0;
}

bool guard_may_trace(const struct energy_rules *rules)
{
    cpu_set_t mask;

    return sched_getaffinity(0, sizeof mask, &mask) == 0 && CPU_COUNT(&mask) > rules->trace_cpus;
}

static void read_source(const struct guard_source *source, struct energy_sample *sample)
{
    *sample = (struct energy_sample){ 0 };
    source->route->read(source->state, source->index, sample);
}

static void trace(struct guard *guard, int s, const struct energy_sample *sample)
{
    const struct energy_channel *channel = guard->sources[s].track.channel;
    struct energy_sample *last = &guard->traced[s];
    struct energy_trace point = { .time_ns = sample->time_ns,
                                  .channel = guard->sources[s].channel };
    bool shown = !sample->error && !last->error && last->time_ns;

    if (channel->power) {
        point.power_w = (double)sample->raw * channel->lsb;
        shown = !sample->error;
    } else if (shown) {
        int64_t dt_ns = sample->time_ns - last->time_ns;

        point.time_ns = last->time_ns + dt_ns / 2;
        point.power_w = (double)track_counts(channel, last->raw, sample->raw) * channel->lsb /
                        (1e-9 * (double)dt_ns);
        shown = point.power_w <= guard->sources[s].track.max_w;
    }
    *last = *sample;
    if (shown)
        guard->ring.points[guard->ring.written++ % RING] = point;
}

/* The lock is given up between two sources: an edge waits for one read at most. */
static void read_due(struct guard *guard, bool wrap_due, bool trace_due)
{
    for (int s = 0; s < guard->count && !guard->stop; s++) {
        struct guard_source *source = &guard->sources[s];
        bool often = source->traced || source->track.channel->power;
        struct energy_sample sample;

        if (!wrap_due && !(trace_due && often))
            continue;
        read_source(source, &sample);
        if (!guard->held)
            track_add(&source->track, &sample);
        if (trace_due && source->traced)
            trace(guard, s, &sample);
        pthread_mutex_unlock(&guard->lock);
        pthread_mutex_lock(&guard->lock);
    }
}

/* The next multiple of the interval that is not over: a late thread leaves reads out and keeps its
 * pace. */
static int64_t next_after(int64_t due_ns, int64_t interval_ns, int64_t now_ns)
{
    return now_ns < due_ns ? due_ns : due_ns + interval_ns * ((now_ns - due_ns) / interval_ns + 1);
}

static void *run(void *arg)
{
    struct guard *guard = arg;
    int64_t wrap_due = clock_ns() + guard->wrap_ns;
    int64_t trace_due = guard->trace_ns ? clock_ns() + guard->trace_ns : INT64_MAX;

    pthread_mutex_lock(&guard->lock);
    while (!guard->stop) {
        int64_t due = wrap_due < trace_due ? wrap_due : trace_due, now;
        struct timespec until = { .tv_sec = due / 1000000000, .tv_nsec = due % 1000000000 };

        /* Until an absolute time of CLOCK_MONOTONIC, or stop. */
        pthread_cond_timedwait(&guard->wake, &guard->lock, &until);
        now = clock_ns();
        if (guard->stop || now < due)
            continue;
        read_due(guard, now >= wrap_due, now >= trace_due);
        now = clock_ns();
        wrap_due = next_after(wrap_due, guard->wrap_ns, now);
        if (guard->trace_ns)
            trace_due = next_after(trace_due, guard->trace_ns, now);
    }
    pthread_mutex_unlock(&guard->lock);
    return NULL;
}

static int make_lock(struct guard *guard)
{
    pthread_condattr_t attributes;
    int error = pthread_mutex_init(&guard->lock, NULL);

    if (error)
        return -error;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    error = pthread_cond_init(&guard->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    if (error)
        pthread_mutex_destroy(&guard->lock);
    return -error;
}

static void free_guard(struct guard *guard)
{
    free(guard->ring.points);
    free(guard->traced);
    free(guard);
}

static int start_thread(struct guard *guard, const struct energy_rules *rules)
{
    sigset_t all, before;
    int error;

    if (!rules->guard || guard->count == 0)
        return 0;
    sigfillset(&all); /* signals are the other threads' business */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&guard->thread, NULL, run, guard);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error)
        return -error;
    guard->running = true;
    return -pthread_getcpuclockid(guard->thread, &guard->cpu_clock);
}

int guard_open(struct guard **guard, struct guard_source *sources, int count,
               const struct energy_rules *rules)
{
    struct guard *new = calloc(1, sizeof *new);
    int error = -ENOMEM;

    *guard = NULL;
    if (!new)
        return -ENOMEM;
    new->ring.points = calloc(RING, sizeof *new->ring.points);
    new->traced = calloc((size_t)count + 1, sizeof *new->traced);
    if (!new->ring.points || !new->traced)
        goto out;
    new->sources = sources;
    new->count = count;
    new->wrap_ns = (int64_t)(1e9 * rules->guard_s);
    for (int s = 0; s < count; s++) {
        const struct track *track = &sources[s].track;
        int64_t wrap_ns = track->channel->wrap ? track->deadline_ns / 4 : INT64_MAX;

        new->wrap_ns = wrap_ns < new->wrap_ns ? wrap_ns : new->wrap_ns;
        if (sources[s].traced || track->channel->power)
            new->trace_ns = (int64_t)(1e9 * rules->trace_s);
    }
    new->wrap_ns = new->wrap_ns > INTERVAL_MIN_NS ? new->wrap_ns : INTERVAL_MIN_NS;
    error = make_lock(new);
    if (error)
        goto out;
    error = start_thread(new, rules);
    if (error) {
        guard_close(new);
        return error;
    }
    *guard = new;
    return 0;
out:
    free_guard(new);
    return error;
}

void guard_close(struct guard *guard)
{
    if (!guard)
        return;
    if (guard->running) {
        pthread_mutex_lock(&guard->lock);
        guard->stop = true;
        pthread_cond_signal(&guard->wake);
        pthread_mutex_unlock(&guard->lock);
        pthread_join(guard->thread, NULL);
    }
    pthread_cond_destroy(&guard->wake);
    pthread_mutex_destroy(&guard->lock);
    free_guard(guard);
}

static void read_edge(struct guard *guard, int source, struct energy_sample *sample,
                      void (*take)(struct track *track, const struct energy_sample *sample))
{
    struct guard_source *s = &guard->sources[source];
    struct energy_sample read;

    pthread_mutex_lock(&guard->lock);
    read_source(s, &read);
    take(&s->track, &read);
    pthread_mutex_unlock(&guard->lock);
    if (sample)
        *sample = read;
}

void guard_begin(struct guard *guard, int source, struct energy_sample *sample)
{
    read_edge(guard, source, sample, track_begin);
}

void guard_add(struct guard *guard, int source, struct energy_sample *sample)
{
    read_edge(guard, source, sample, track_add);
}

static void look(struct track *track, const struct energy_sample *sample)
{
    (void)track;
    (void)sample;
}

void guard_look(struct guard *guard, int source, struct energy_sample *sample)
{
    read_edge(guard, source, sample, look);
}

void guard_hold(struct guard *guard, bool hold)
{
    pthread_mutex_lock(&guard->lock);
    guard->held = hold;
    pthread_mutex_unlock(&guard->lock);
}

void guard_align(struct guard *guard, int source, const struct track_update *begin,
                 const struct track_update *end)
{
    pthread_mutex_lock(&guard->lock);
    track_align(&guard->sources[source].track, begin, end);
    pthread_mutex_unlock(&guard->lock);
}

void guard_end(struct guard *guard, int source, int64_t start_ns, int64_t time_ns,
               struct joules *joules, char *reason, size_t size)
{
    struct guard_source *s = &guard->sources[source];
    const char *failure;

    pthread_mutex_lock(&guard->lock);
    failure = s->track.error && s->route->failure ? s->route->failure(s->state, s->index) : NULL;
    track_end(&s->track, start_ns, time_ns, failure, joules, reason, size);
    pthread_mutex_unlock(&guard->lock);
}

int64_t guard_cpu_ns(const struct guard *guard)
{
    struct timespec used;

    if (!guard->running || clock_gettime(guard->cpu_clock, &used) != 0)
        return 0;
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

int guard_trace(struct guard *guard, struct energy_trace *trace, int max)
{
    int64_t first, count;

    pthread_mutex_lock(&guard->lock);
    count = guard->ring.written < RING ? guard->ring.written : RING;
    count = count < max ? count : max;
    first = guard->ring.written - count;
    for (int64_t i = 0; i < count; i++)
        trace[i] = guard->ring.points[(first + i) % RING];
    pthread_mutex_unlock(&guard->lock);
    return (int)count;
}
