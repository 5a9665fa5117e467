/* SPDX-License-Identifier: MIT
 *
 * `roof`: what this machine can do at most, at each thread count. */
#include <errno.h>
#include "bench/command.h"
#include "bench/roof.h"
#include "bench/rows.h"

static const struct column columns[] = {
    { "threads", "threads", "%.0f" }, { "metric", "roof", "%s" },
    { "value", "median", "%.1f" },    { "unit", "unit", "%s" },
    { "ci_low", "95% from", "%.1f" }, { "ci_high", "to", "%.1f" },
    { "isa", "ISA", "%s" },           { NULL, NULL, NULL },
};

static int measure_roof(struct run *run, int threads)
{
    struct threads *pool = run_threads(run, threads);
    struct roof_arg args[ROOF_METRICS];
    struct workload workloads[ROOF_METRICS];
    int64_t cells[ROOF_METRICS];
    struct roof roof;
    const int repetitions = run->config->repetitions ? (int)run->config->repetitions : 21;
    const struct plan plan = { .repetitions = repetitions,
                               .warmup_min = 2,
                               .warmup_max = 10,
                               .steady_slope = 0.01,
                               .steady_deviation = 0.05,
                               .seed = run->config->seed };

    if (!pool)
        return run->broken;
    run_progress(run, "%d thread%s: looking for the fastest read", threads, threads > 1 ? "s" : "");
    if (roof_open(&roof, run, pool)) {
        run_refuse(run->command, "no memory for %zu bytes to read", roof.bytes);
        return run->broken = -ENOMEM;
    }
    for (int m = 0; m < ROOF_METRICS; m++) {
        args[m] = (struct roof_arg){ &roof, (enum roof_metric)m };
        workloads[m] = roof_workload(&args[m]);
        cells[m] = roof_cell(&roof, (enum roof_metric)m);
    }
    const int error =
        run->broken ? run->broken : run_measure(run, workloads, cells, ROOF_METRICS, &plan);
    roof_close(&roof);
    return error;
}

int cmd_roof(const struct config *config)
{
    struct run run;
    const int cores = threads_cores();
    const struct int_list standard = { .count = cores > 1 ? 2 : 1, .values = { 1, cores } };
    const struct int_list *threads = config->threads.count ? &config->threads : &standard;
    int status = run_open(&run, config, "roof");

    if (status)
        return status;
    for (int i = 0; i < threads->count; i++)
        if (measure_roof(&run, (int)threads->values[i]))
            break;
    json_t *rows = rows_roof(store_db(run.store), run.id);
    outputs_rows(run.outputs, rows, columns, NULL,
                 "Medians. One multiply-add is two operations; GB are 1e9 bytes. An independent "
                 "check: `likwid-bench -t load_avx`.");
    json_decref(rows);
    return run_close(&run);
}
