/* SPDX-License-Identifier: MIT
 *
 * `roof`: what this machine can do at most, at each thread count and ISA, all in the same rounds.
 */
#include <errno.h>
#include <string.h>
#include "bench/command.h"
#include "bench/roof.h"
#include "bench/rows.h"

enum { ROOFS_MAX = RUN_WORKLOADS_MAX / ROOF_METRICS };

static const struct column columns[] = {
    { "threads", "threads", "%.0f" },
    { "isa", "ISA", "%s" },
    { "metric", "roof", "%s" },
    { "value", "median", "%.1f" },
    { "unit", "unit", "%s" },
    { "ci_low", "95% from", "%.1f" },
    { "ci_high", "to", "%.1f" },
    { "scaling", "scaling", "%.2f" },
    { "streams", "streams", "%.0f" },
    { "prefetch_bytes", "prefetch", "bytes" },
    { "page_bytes", "pages", "bytes" },
    { "huge_page_share", "huge pages", "%.2f" },
    { NULL, NULL, NULL },
};

/* Thread counts by ISAs, on the pool and the memory that they share. */
static int list_roofs(struct run *run, const struct int_list *threads,
                      const struct roof_memory *memory, struct roof *roofs)
{
    int count = 0;

    for (int t = 0; t < threads->count; t++)
        for (const struct roof_kernels *k = roof_kernels;; k++) {
            if ((k->needs & run->cpu) == k->needs && text_list_wants(&run->config->isas, k->isa) &&
                count < ROOFS_MAX)
                roof_begin(&roofs[count++], run, run->pool, (int)threads->values[t], k, memory);
            if (!k->needs)
                break;
        }
    return count;
}

static int measure_roofs(struct run *run, struct roof *roofs, int count)
{
    static struct roof_arg args[RUN_WORKLOADS_MAX];
    static struct workload workloads[RUN_WORKLOADS_MAX];
    static int64_t cells[RUN_WORKLOADS_MAX];
    const int repetitions = run->config->repetitions ? (int)run->config->repetitions : 21;
    const struct plan plan = { .repetitions = repetitions,
                               .warmup_min = 2,
                               .warmup_max = 10,
                               .steady_slope = 0.01,
                               .steady_deviation = 0.05,
                               .seed = run->config->seed };
    int n = 0;

    for (int i = 0; i < count && !run_stop; i++) {
        run_progress(run, "%d thread%s, %s: looking for the fastest read", roofs[i].threads,
                     roofs[i].threads > 1 ? "s" : "", roofs[i].kernels->isa);
        roof_tune(&roofs[i], 1);
        for (int m = 0; m < ROOF_METRICS; m++, n++) {
            args[n] = (struct roof_arg){ &roofs[i], (enum roof_metric)m };
            workloads[n] = roof_workload(&args[n]);
            cells[n] = roof_cell(&roofs[i], (enum roof_metric)m, n ? cells[0] : 0);
        }
    }
    return run->broken ? run->broken : run_measure(run, workloads, cells, n, &plan);
}

/* Thread counts that share their rounds: all, or one on a machine with several memory nodes, where
 * each reads what its own threads touched first. */
static int measure_group(struct run *run, const struct int_list *threads)
{
    static struct roof roofs[ROOFS_MAX];
    struct roof_memory memory;
    int64_t most = 1;

    for (int i = 0; i < threads->count; i++)
        most = threads->values[i] > most ? threads->values[i] : most;
    if (!run_threads(run, (int)most))
        return run->broken;
    if (roof_memory_open(&memory, run, run->pool)) {
        run_refuse(run->command, "no memory for %zu bytes to read", memory.bytes);
        return run->broken = -ENOMEM;
    }
    const int error = measure_roofs(run, roofs, list_roofs(run, threads, &memory, roofs));
    roof_memory_close(&memory);
    return error;
}

static void measure_all(struct run *run, const struct int_list *threads)
{
    struct int_list one = { .count = 1 };

    if (run_nodes(run) == 1) {
        measure_group(run, threads);
        return;
    }
    for (int i = 0; i < threads->count; i++) {
        one.values[0] = threads->values[i];
        if (measure_group(run, &one))
            break;
    }
}

int cmd_roof(const struct config *config)
{
    struct run run;
    const int cores = threads_cores();
    const struct int_list standard = { .count = cores > 1 ? 2 : 1, .values = { 1, cores } };
    int status = run_open(&run, config, "roof");

    if (status)
        return status;
    measure_all(&run, config->threads.count ? &config->threads : &standard);
    json_t *rows = rows_roof(store_db(run.store), run.id);
    outputs_rows(
        run.outputs, rows, columns, NULL,
        "Medians. One multiply-add is two operations; GB are 1e9 bytes. `scaling`: against "
        "the fewest threads of the same rounds. An independent check of read_gbps, where "
        "likwid is installed: `likwid-bench -t load_avx -W S0:1GB:THREADS`.");
    json_decref(rows);
    return run_close(&run);
}
