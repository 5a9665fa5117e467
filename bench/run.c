/* SPDX-License-Identifier: MIT */
#include "bench/run.h"
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "bench/flags.h"
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
    const int64_t left_ns = run->end_ns ? run->end_ns - clock_ns() : 0;
    va_list args;

    fprintf(stderr, "%s%s: ", terminal ? "\r\033[K" : "", run->command);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    if (left_ns > 0)
        fprintf(stderr, ": about %.1f minutes left", (double)left_ns / 60e9);
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

static void prepare(struct run *run, const struct config *config, const char *command)
{
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
    host_read(&run->host, &run->machine.cpu, config->sysroot);
}

/* Outputs, database and the run's row: a new one, or that of --resume. */
static int begin(struct run *run)
{
    const struct config *config = run->config;
    const char *command = run->command;
    char why[400];

    if (config->events && counters_check(config->events, &run->context, why, sizeof why))
        return run_refuse(command, "--events %s", why);
    if (outputs_open(&run->outputs, config, why, sizeof why))
        return run_refuse(command, "%s", why);
    const struct build build = build_read();
    int error = store_open(&run->store, config->db);
    run->id = config->resume;
    if (!error && config->resume)
        error = store_run_again(run->store, run->id);
    else if (!error)
        error = (run->id = store_run_begin(run->store, &run->host, &build, command,
                                           config->arguments, config->seed)) < 0;
    if (error) {
        run_refuse(command, "%s", run->store ? store_error(run->store) : "no memory");
        store_close(run->store);
        outputs_close(run->outputs, why, sizeof why);
        return 2;
    }
    catch_signals();
    return 0;
}

int run_open(struct run *run, const struct config *config, const char *command)
{
    prepare(run, config, command);
    const int status = begin(run);

    if (status)
        return status;
    run_meters_open(run);
    return run->broken ? run_close(run) : 0;
}

int run_open_plan(struct run *run, const struct config *config, const char *command)
{
    if (getenv("LIKWID_MODE"))
        return run_open(run, config, command);
    prepare(run, config, command);
    return begin(run);
}

/* Of the windows that earlier processes have stored. */
static int last_series(const struct run *run)
{
    sqlite3_stmt *s = NULL;
    int series = 0;

    if (sqlite3_prepare_v2(store_db(run->store), "SELECT max(series) FROM window WHERE run = ?1",
                           -1, &s, NULL))
        return 0;
    sqlite3_bind_int64(s, 1, run->id);
    if (sqlite3_step(s) == SQLITE_ROW)
        series = sqlite3_column_int(s, 0);
    sqlite3_finalize(s);
    return series;
}

int run_open_block(struct run *run, const struct config *config, const char *command, int64_t id)
{
    prepare(run, config, command);
    if (store_open(&run->store, config->db)) {
        run_refuse(command, "%s", run->store ? store_error(run->store) : "no memory");
        store_close(run->store);
        return 2;
    }
    run->id = id;
    run->series = last_series(run);
    catch_signals();
    run_meters_open(run);
    return run->broken ? run_close_block(run) : 0;
}

/* The database's error is said once, where it happened. */
void run_broken(struct run *run)
{
    if (!run->broken)
        run_refuse(run->command, "%s", store_error(run->store));
    run->broken = -EIO;
}

static void release(struct run *run)
{
    threads_close(run->pool);
    run_meters_close(run);
    store_close(run->store);
}

int run_close_block(struct run *run)
{
    release(run);
    return run->broken ? 2 : run_stop ? RUN_STOPPED : run->failed;
}

static void warn(void *arg, const char *line)
{
    const struct run *run = arg;

    fprintf(stderr, "tritbench %s: %s\n", run->command, line);
}

int run_close(struct run *run)
{
    char why[400];
    int status = 0;

    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
    flags_warn(store_db(run->store), run->id, warn, run);
    if (store_run_end(run->store, run->id,
                      run_stop                     ? "interrupted"
                      : run->failed || run->broken ? "failed"
                                                   : "done"))
        run_broken(run);
    if (run_stop)
        fprintf(stderr, "tritbench %s: interrupted; what was measured is in %s%s\n", run->command,
                run->config->db, run->block ? "; `tritbench resume` goes on" : "");
    if (run_stop || run->failed)
        status = 1;
    if (outputs_close(run->outputs, why, sizeof why))
        status = run_refuse(run->command, "%s", why);
    release(run);
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
