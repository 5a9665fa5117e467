/* SPDX-License-Identifier: MIT
 *
 * A job is an epoch: thread 0 writes fn and arg, then raises the `epoch` of each worker in use; a
 * worker that sees a new epoch runs the job and lowers `running`; thread 0 waits for zero. Waiting
 * is spinning for a millisecond, longer than the serial parts of a forward pass, then a futex. An
 * epoch a worker, so that those not in use stay asleep. */
#include "kernels/threads.h"
#include <errno.h>
#include <hwloc.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "kernels/gemm.h"

/* A turn's pause takes 1 to 150 cycles, depending on the CPU: the clock, looked at now and then,
 * says how long it has been. */
enum { SPIN_NS = 1000000, LOOK_TURNS = 64, CPUS_MAX = 1024 };

struct worker {
    _Alignas(64) _Atomic uint32_t epoch;
    _Atomic uint32_t sleeping;
    struct threads *pool;
    pthread_t thread;
    int index, cpu;
    _Alignas(64) _Atomic uint64_t counter;
};

struct threads {
    int count, used; /* threads; those that run a job */
    threads_fn *fn;
    void *arg;
    bool quit;
    cpu_set_t affinity; /* the caller's, before threads_open */
    _Alignas(64) _Atomic uint32_t running;
    struct worker workers[];
};

/* CPUs that this process may use, one a core first, then the cores' further hardware threads. */
struct cpus {
    size_t l1d, l2; /* bytes of one core's; 0: unknown */
    int cores, units;
    int os[CPUS_MAX];
};

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* Spins until *value is `wanted`, or is not (equal false), for SPIN_NS at most: false then. */
static bool spin(_Atomic uint32_t *value, uint32_t wanted, bool equal)
{
    const int64_t start = now_ns();

    for (int i = 0;; i++) {
        if ((atomic_load_explicit(value, memory_order_acquire) == wanted) == equal)
            return true;
        relax();
        if (i % LOOK_TURNS == LOOK_TURNS - 1 && now_ns() - start > SPIN_NS)
            return false;
    }
}

static void fallback(struct cpus *cpus, const cpu_set_t *allowed)
{
    cpus->units = 0;
    for (int i = 0; i < CPU_SETSIZE && cpus->units < CPUS_MAX; i++)
        if (CPU_ISSET((size_t)i, allowed))
            cpus->os[cpus->units++] = i;
    cpus->cores = cpus->units;
}

/* Bytes of a core's own cache; hardware threads that are in use share it. 0: unknown. */
static size_t cache_bytes(hwloc_topology_t topology, hwloc_obj_type_t level)
{
    const hwloc_obj_t cache = hwloc_get_obj_by_type(topology, level, 0);

    return cache && cache->attr ? (size_t)cache->attr->cache.size : 0;
}

/* threads_pin's list; none: count 0. */
static struct {
    int count;
    int os[CPUS_MAX];
} pinned;

/* One a core first: round n takes the n-th usable hardware thread of every core. */
static void cores_first(struct cpus *cpus, hwloc_topology_t topology, const cpu_set_t *allowed)
{
    const int cores = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE);

    for (int round = 0, found = 1; found; round++) {
        found = 0;
        for (int c = 0; c < cores; c++) {
            const hwloc_obj_t core = hwloc_get_obj_by_type(topology, HWLOC_OBJ_CORE, (unsigned)c);
            int usable = 0, os;
            hwloc_bitmap_foreach_begin(
                os, core->cpuset) if (os < CPU_SETSIZE && CPU_ISSET((size_t)os, allowed) &&
                                      usable++ == round && cpus->units < CPUS_MAX)
            {
                cpus->os[cpus->units++] = os;
                found = 1;
            }
            hwloc_bitmap_foreach_end();
        }
        if (round == 0)
            cpus->cores = cpus->units;
    }
}

static void discover(struct cpus *cpus)
{
    hwloc_topology_t topology;
    cpu_set_t allowed;

    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof allowed, &allowed))
        CPU_SET(0, &allowed);
    *cpus = (struct cpus){ 0 };
    const bool known = !hwloc_topology_init(&topology) && !hwloc_topology_load(topology);
    if (pinned.count) {
        cpus->cores = cpus->units = pinned.count;
        memcpy(cpus->os, pinned.os, sizeof pinned.os);
    } else if (known) {
        cores_first(cpus, topology, &allowed);
    }
    if (!cpus->units) /* a topology without cores, as some containers show */
        fallback(cpus, &allowed);
    if (!known)
        return;
    cpus->l1d = cache_bytes(topology, HWLOC_OBJ_L1CACHE);
    cpus->l2 = cache_bytes(topology, HWLOC_OBJ_L2CACHE);
    hwloc_topology_destroy(topology);
}

int threads_pin(const int *cpus, int count, char *why, size_t why_size)
{
    cpu_set_t allowed;

    if (count < 0 || count > CPUS_MAX) {
        snprintf(why, why_size, "%d CPUs: at most %d", count, CPUS_MAX);
        return -EINVAL;
    }
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof allowed, &allowed)) {
        snprintf(why, why_size, "sched_getaffinity: %s", strerror(errno));
        return -errno;
    }
    for (int i = 0; i < count; i++) {
        if (cpus[i] < 0 || cpus[i] >= CPU_SETSIZE || !CPU_ISSET((size_t)cpus[i], &allowed)) {
            snprintf(why, why_size, "this process may not use CPU %d", cpus[i]);
            return -EINVAL;
        }
        for (int j = 0; j < i; j++)
            if (cpus[j] == cpus[i]) {
                snprintf(why, why_size, "CPU %d is there twice", cpus[i]);
                return -EINVAL;
            }
    }
    for (int i = 0; i < count; i++)
        pinned.os[i] = cpus[i];
    pinned.count = count;
    return 0;
}

int threads_cores(void)
{
    struct cpus cpus;

    discover(&cpus);
    return cpus.cores;
}

int threads_units(void)
{
    struct cpus cpus;

    discover(&cpus);
    return cpus.units;
}

static int pin(pthread_t thread, int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    return -pthread_setaffinity_np(thread, sizeof set, &set);
}

static void wait_epoch(struct worker *w, uint32_t seen)
{
    if (spin(&w->epoch, seen, false))
        return;
    atomic_store(&w->sleeping, 1);
    while (atomic_load(&w->epoch) == seen)
        syscall(SYS_futex, &w->epoch, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
    atomic_store(&w->sleeping, 0);
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct threads *pool = w->pool;

    for (uint32_t seen = 0;; seen++) {
        wait_epoch(w, seen);
        if (pool->quit)
            return NULL;
        pool->fn(pool->arg, w->index, pool->used);
        atomic_fetch_sub_explicit(&pool->running, 1, memory_order_release);
    }
}

/* To workers 1 to count - 1. */
static void publish(struct threads *pool, int count)
{
    atomic_store_explicit(&pool->running, (uint32_t)count - 1, memory_order_relaxed);
    for (int i = 1; i < count; i++) {
        struct worker *w = &pool->workers[i];
        atomic_fetch_add(&w->epoch, 1);
        if (atomic_load(&w->sleeping))
            syscall(SYS_futex, &w->epoch, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
}

void threads_run(struct threads *pool, threads_fn *fn, void *arg)
{
    if (pool->used == 1) {
        fn(arg, 0, 1);
        return;
    }
    pool->fn = fn;
    pool->arg = arg;
    publish(pool, pool->used);
    fn(arg, 0, pool->used);
    /* The wait is short; a worker that lost its CPU to somebody else gets this one after a while.
     */
    if (!spin(&pool->running, 0, true))
        while (atomic_load_explicit(&pool->running, memory_order_acquire))
            sched_yield();
}

static void nothing(void *arg, int index, int count)
{
    (void)arg;
    (void)index;
    (void)count;
}

void threads_wake(struct threads *pool)
{
    threads_run(pool, nothing, NULL);
}

static void stop(struct threads *pool, int started)
{
    pool->quit = true;
    publish(pool, started);
    for (int i = 1; i < started; i++)
        pthread_join(pool->workers[i].thread, NULL);
}

int threads_open(struct threads **out, int count, char *why, size_t why_size)
{
    struct cpus cpus;
    int error = 0, started = 1;

    discover(&cpus);
    if (count < 1 || count > cpus.units) {
        snprintf(why, why_size, "%d threads: this process may use 1 to %d", count, cpus.units);
        return -EINVAL;
    }
    gemm_caches(cpus.l1d, cpus.l2);
    const size_t size = sizeof(struct threads) + (size_t)count * sizeof(struct worker);
    struct threads *pool = aligned_alloc(64, (size + 63) / 64 * 64);
    if (!pool)
        return -ENOMEM;
    memset(pool, 0, size);
    pool->count = pool->used = count;
    sched_getaffinity(0, sizeof pool->affinity, &pool->affinity);
    for (int i = count - 1; i >= 0; i--) {
        struct worker *w = &pool->workers[i];
        w->pool = pool;
        w->index = i;
        w->cpu = cpus.os[i];
        error = pin(pthread_self(), cpus.os[i]); /* ends on the caller's own */
        if (error) {
            snprintf(why, why_size, "cannot pin a thread to CPU %d: %s", cpus.os[i],
                     strerror(-error));
            goto out;
        }
    }
    for (; started < count; started++) {
        struct worker *w = &pool->workers[started];
        error = -pthread_create(&w->thread, NULL, work, w);
        if (error) {
            snprintf(why, why_size, "cannot start thread %d of %d: %s", started + 1, count,
                     strerror(-error));
            stop(pool, started);
            goto out;
        }
        /* By this thread, after pthread_create: a preloaded one (likwid-pin's) pins there, too. */
        pin(w->thread, w->cpu);
    }
    *out = pool;
    return 0;
out:
    sched_setaffinity(0, sizeof pool->affinity, &pool->affinity);
    free(pool);
    return error;
}

void threads_close(struct threads *pool)
{
    if (!pool)
        return;
    stop(pool, pool->count);
    sched_setaffinity(0, sizeof pool->affinity, &pool->affinity);
    free(pool);
}

void threads_use(struct threads *pool, int count)
{
    pool->used = count;
}

int threads_count(const struct threads *pool)
{
    return pool->used;
}

int threads_cpu(const struct threads *pool, int index)
{
    return pool->workers[index].cpu;
}

_Atomic uint64_t *threads_counter(struct threads *pool, int index)
{
    return &pool->workers[index].counter;
}

struct range threads_share(int total, int unit, int index, int count)
{
    const int64_t units = ((int64_t)total + unit - 1) / unit;
    const int64_t first = units * index / count * unit, last = units * (index + 1) / count * unit;

    return (struct range){ (int)(first < total ? first : total),
                           (int)(last < total ? last : total) };
}
