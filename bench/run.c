/* SPDX-License-Identifier: MIT */
#include "bench/run.h"
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "bench/metrics.h"
#include "bench/run_energy.h"
#include "harness/counters/counters.h"
#include "kernels/cpu.h"

volatile int run_stop;

enum { MEMORY_MARGIN = 512 << 20, PATIENCE_NS = 1000000000 };

static void on_signal(int number)
{
    static int64_t first_ns;

    if (run_stop && clock_ns() - first_ns > PATIENCE_NS) {
        signal(number, SIG_DFL);
        raise(number);
    }
    if (!run_stop)
        first_ns = clock_ns();
    run_stop = 1;
}

/* A second signal ends the program at once, for a user who cannot wait; but not within a second of
 * the first, because a terminal or timeout(1) may send one to the process and to its group. */
static void catch_signals(void)
{
    struct sigaction action = { .sa_handler = on_signal };

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int run_refuse(const char *command, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "tritbench %s: ", command);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return 2;
}

void run_progress(const struct run *run, const char *format, ...)
{
    const bool terminal = isatty(STDERR_FILENO);
    va_list args;

    fprintf(stderr, "%s%s: ", terminal ? "\r\033[K" : "", run->command);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    if (!terminal)
        fputc('\n', stderr);
    fflush(stderr);
}

struct each {
    void (*fn)(void *arg);
    void *arg;
};

static void call_each(void *arg, int index, int count)
{
    const struct each *each = arg;

    (void)index;
    (void)count;
    each->fn(each->arg);
}

/* For meters that must do something on every thread of the work: struct meter_context. */
static void on_each_thread(void *threads, void (*fn)(void *arg), void *arg)
{
    const struct run *run = threads;
    struct each each = { fn, arg };

    if (run->pool)
        threads_run(run->pool, call_each, &each);
    else
        fn(arg);
}

int run_open(struct run *run, const struct config *config, const char *command)
{
    char why[400];

    *run = (struct run){ .config = config, .command = command, .cpu = cpu_detect() };
    machine_cpu(&run->machine);
    run->context = (struct meter_context){ .sysroot = config->sysroot,
                                           .virtual_machine =
                                               !config->sysroot[0] && run->machine.hypervisor[0],
                                           .cpu = &run->machine.cpu,
                                           .events = config->events,
                                           .command = config->meter_command,
                                           .meters = config->meters,
                                           .each_thread = on_each_thread,
                                           .threads = run };
    if (config->events && counters_check(config->events, &run->context, why, sizeof why))
        return run_refuse(command, "--events %s", why);
    if (outputs_open(&run->outputs, config, why, sizeof why))
        return run_refuse(command, "%s", why);
    host_read(&run->host, &run->machine.cpu, config->sysroot);
    const struct build build = build_read();
    if (store_open(&run->store, config->db) ||
        (run->id = store_run_begin(run->store, &run->host, &build, command, config->arguments,
                                   config->seed)) < 0) {
        run_refuse(command, "%s", run->store ? store_error(run->store) : "no memory");
        store_close(run->store);
        outputs_close(run->outputs, why, sizeof why);
        return 2;
    }
    catch_signals();
    run_meters_open(run);
    return run->broken ? run_close(run) : 0;
}

/* The database's error is said once, where it happened. */
static void broken(struct run *run)
{
    if (!run->broken)
        run_refuse(run->command, "%s", store_error(run->store));
    run->broken = -EIO;
}

int run_close(struct run *run)
{
    char why[400];
    int status = 0;

    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
    if (store_run_end(run->store, run->id,
                      run_stop                     ? "interrupted"
                      : run->failed || run->broken ? "failed"
                                                   : "done"))
        broken(run);
    if (run_stop)
        fprintf(stderr, "tritbench %s: interrupted; what was measured is in %s\n", run->command,
                run->config->db);
    if (run_stop || run->failed)
        status = 1;
    if (outputs_close(run->outputs, why, sizeof why))
        status = run_refuse(run->command, "%s", why);
    threads_close(run->pool);
    run_meters_close(run);
    store_close(run->store);
    return run->broken ? 2 : status;
}

struct threads *run_threads(struct run *run, int count)
{
    char why[200];

    if (run->pool && threads_count(run->pool) == count)
        return run->pool;
    threads_close(run->pool);
    run->pool = NULL;
    run->broken = threads_open(&run->pool, count, why, sizeof why);
    if (run->broken)
        run_refuse(run->command, "%s", why);
    return run->pool;
}

int run_nodes(const struct run *run)
{
    const int nodes = atoi(host_fact(&run->host, "numa_nodes"));

    return nodes > 1 ? nodes : 1;
}

int64_t run_memory(const struct run *run)
{
    const struct reading free_bytes = memory_available(run->config->sysroot);

    if (run->config->memory_bytes)
        return run->config->memory_bytes;
    return free_bytes.reason ? INT64_MAX : (int64_t)free_bytes.value - MEMORY_MARGIN;
}

/* Below a --sysroot nothing is what this machine did; the paper's numbers stay the paper's. */
static const char *provenance_of(const struct run *run, const char *provenance)
{
    const bool fixture = run->config->sysroot[0] && strcmp(provenance, PROVENANCE_PAPER);

    return fixture ? PROVENANCE_FIXTURE : provenance;
}

int64_t run_cell(struct run *run, const struct cell *wanted)
{
    struct cell cell = *wanted;

    cell.provenance = provenance_of(run, wanted->provenance);
    const int64_t id = store_cell(run->store, run->id, &cell);

    if (id < 0)
        broken(run);
    return id;
}

void run_status(struct run *run, int64_t cell, const char *status, const char *reason)
{
    if (store_cell_status(run->store, cell, status, reason))
        broken(run);
}

void run_value(struct run *run, int64_t cell, const char *metric, double value, const char *unit,
               const char *provenance, const char *reason)
{
    run_store(run, cell, &(struct value){ metric, unit, provenance, value, 0, NULL, reason });
}

void run_derived(struct run *run, int64_t cell, const char *metric, double value, const char *unit,
                 const char *formula)
{
    run_store(run, cell,
              &(struct value){ metric, unit, PROVENANCE_DERIVED, value, 0, formula, NULL });
}

void run_store(struct run *run, int64_t cell, const struct value *wanted)
{
    struct value value = *wanted;

    value.provenance = provenance_of(run, wanted->provenance);
    if (store_value(run->store, cell, &value))
        broken(run);
}

struct sink {
    struct run *run;
    const int64_t *cells;
    const struct channel *channels[SAMPLE_READINGS_MAX];
    int count;
};

static int keep(void *arg, const struct sample *sample)
{
    const struct sink *sink = arg;
    const int error = store_sample(sink->run->store, sink->cells[sample->workload], sample,
                                   sink->channels, sink->count);

    if (error)
        broken(sink->run);
    return error;
}

int run_measure(struct run *run, const struct workload *workloads, const int64_t *cells, int count,
                const struct plan *wanted)
{
    struct outcome outcomes[RUN_WORKLOADS_MAX];
    struct plan plan = *wanted;
    struct sink sink = { .run = run, .cells = cells };

    plan.stop = &run_stop;
    plan.meters = run->meters;
    plan.deadline_ns = run->deadline_ns;
    sink.count = run->meters ? meter_set_channels(run->meters) : 0;
    for (int i = 0; i < sink.count; i++)
        sink.channels[i] = meter_set_channel(run->meters, i);
    int error = measure(workloads, count, &plan, keep, &sink, outcomes);
    if (!error)
        error = run_energy_measure(run, workloads, cells, count, plan.seed, outcomes);
    if (run->broken)
        return run->broken;
    for (int i = 0; i < count; i++) {
        if (outcomes[i].error && outcomes[i].error != -EINTR) {
            run_status(run, cells[i], "failed", strerror(-outcomes[i].error));
            run->failed = true;
        } else if (run_stop) {
            run_status(run, cells[i], "interrupted", "stopped by a signal");
        } else if (error) {
            run_status(run, cells[i], "failed", strerror(-error));
            run->failed = true;
        } else if (!outcomes[i].samples) {
            run_status(run, cells[i], "skipped", "no time left of --quick's 8 minutes");
        } else {
            run_status(run, cells[i], "ok", NULL);
        }
        metrics_store(run, cells[i]);
    }
    return run_stop ? -EINTR : error;
}
