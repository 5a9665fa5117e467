/* SPDX-License-Identifier: MIT */
#include "bench/metrics.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench/counters.h"
#include "bench/rows.h"
#include "harness/stats.h"

/* ---- the definitions ---- */

static double ipc(const double *x)
{
    return x[INPUT_INSTRUCTIONS] / x[INPUT_CYCLES];
}

static double bytes_per_cycle(const double *x)
{
    return x[INPUT_WORK_BYTES] / x[INPUT_CYCLES];
}

static double algorithmic_gbps(const double *x)
{
    return x[INPUT_WORK_BYTES] / x[INPUT_TIME_NS];
}

static double dram_gbps(const double *x)
{
    return x[INPUT_DRAM_BYTES] / x[INPUT_TIME_NS];
}

static double arithmetic_intensity(const double *x)
{
    return x[INPUT_WORK_OPS] / x[INPUT_WORK_BYTES];
}

static double j_per_token(const double *x)
{
    return x[INPUT_ENERGY_J] / x[INPUT_TOKENS];
}

static double tokens_per_j(const double *x)
{
    return x[INPUT_TOKENS] / x[INPUT_ENERGY_J];
}

static double pj_per_weight(const double *x)
{
    return 1e12 * x[INPUT_ENERGY_J] / (x[INPUT_WORK_OPS] / 2);
}

static double pj_per_byte(const double *x)
{
    return 1e12 * x[INPUT_ENERGY_J] / x[INPUT_WORK_BYTES];
}

static double mean_power_w(const double *x)
{
    return x[INPUT_POWER_W];
}

static double edp(const double *x)
{
    return x[INPUT_ENERGY_J] / x[INPUT_TOKENS] * (x[INPUT_WINDOW_S] / x[INPUT_TOKENS]);
}

static double energy_net_j(const double *x)
{
    return x[INPUT_ENERGY_J] - x[INPUT_IDLE_POWER_W] * x[INPUT_WINDOW_S];
}

/* clang-format off */
const struct metric metrics[] = {
    { "ipc", "1", "instructions / cycles",
      { INPUT_INSTRUCTIONS, INPUT_CYCLES, INPUTS_END }, ipc },
    { "bytes_per_cycle", "B", "work_bytes / cycles",
      { INPUT_WORK_BYTES, INPUT_CYCLES, INPUTS_END }, bytes_per_cycle },
    { "algorithmic_gbps", "GB/s", "work_bytes / time_ns",
      { INPUT_WORK_BYTES, INPUT_TIME_NS, INPUTS_END }, algorithmic_gbps },
    { "dram_gbps", "GB/s", "dram_bytes / time_ns",
      { INPUT_DRAM_BYTES, INPUT_TIME_NS, INPUTS_END }, dram_gbps },
    { "arithmetic_intensity", "op/B", "work_ops / work_bytes",
      { INPUT_WORK_OPS, INPUT_WORK_BYTES, INPUTS_END }, arithmetic_intensity },
    { "j_per_token", "J", "energy_j / tokens",
      { INPUT_ENERGY_J, INPUT_TOKENS, INPUTS_END }, j_per_token },
    { "tokens_per_j", "1/J", "tokens / energy_j",
      { INPUT_ENERGY_J, INPUT_TOKENS, INPUTS_END }, tokens_per_j },
    { "pj_per_weight", "pJ", "1e12 * energy_j / (work_ops / 2)",
      { INPUT_ENERGY_J, INPUT_WORK_OPS, INPUTS_END }, pj_per_weight },
    { "pj_per_byte", "pJ", "1e12 * energy_j / work_bytes",
      { INPUT_ENERGY_J, INPUT_WORK_BYTES, INPUTS_END }, pj_per_byte },
    { "mean_power_w", "W", "mean over windows of joules / time",
      { INPUT_POWER_W, INPUTS_END }, mean_power_w },
    { "edp", "J s", "(energy_j / tokens) * (window_s / tokens)",
      { INPUT_ENERGY_J, INPUT_WINDOW_S, INPUT_TOKENS, INPUTS_END }, edp },
    { "energy_net_j", "J", "energy_j - idle_power_w * window_s",
      { INPUT_ENERGY_J, INPUT_WINDOW_S, INPUT_IDLE_POWER_W, INPUTS_END }, energy_net_j },
    { NULL, NULL, NULL, { INPUTS_END }, NULL },
};
/* clang-format on */

struct metric_value metric_of(const struct metric *metric, const struct metric_value inputs[INPUTS])
{
    struct metric_value result = { .estimate = { NAN, NAN } };
    double x[INPUTS], squares = 0;

    for (int i = 0; i < INPUTS; i++)
        x[i] = inputs[i].estimate.value;
    for (const enum metric_input *need = metric->needs; *need != INPUTS_END; need++)
        if (inputs[*need].reason[0]) {
            memcpy(result.reason, inputs[*need].reason, sizeof result.reason);
            return result;
        }
    result.estimate.value = metric->value(x);
    for (const enum metric_input *need = metric->needs; *need != INPUTS_END; need++) {
        const double u = inputs[*need].estimate.uncertainty, at = x[*need];
        if (!(u > 0))
            continue;
        x[*need] = at + u;
        const double above = metric->value(x);
        x[*need] = at - u;
        const double half = (above - metric->value(x)) / 2;
        x[*need] = at;
        squares += half * half;
    }
    if (squares > 0)
        result.estimate.uncertainty = sqrt(squares);
    if (!isfinite(result.estimate.value))
        snprintf(result.reason, sizeof result.reason, "%s is not a finite number", metric->formula);
    return result;
}

/* ---- their inputs ---- */

/* What a count is called by the sources of counters: the first of which all parts were counted is
 * taken, their sum. */
enum { PARTS_MAX = 2 };
struct counted {
    const char *part[PARTS_MAX], *source;
};
static const struct counted instruction_counts[] = { { { "instructions" }, NULL },
                                                     { { "papi:PAPI_TOT_INS" }, NULL },
                                                     { { NULL }, NULL } };
static const struct counted cycle_counts[] = { { { "cycles" }, NULL },
                                               { { "papi:PAPI_TOT_CYC" }, NULL },
                                               { { NULL }, NULL } };
/* Controllers see writes, too, and other processes; a core's events only what it read itself. */
static const struct counted dram_counts[] = {
    { { "dram_read_bytes", "dram_write_bytes" },
      "dram_bytes = dram_read_bytes + dram_write_bytes, memory controllers: the whole machine" },
    { { "dram_bytes" }, "dram_bytes: read by the cores of this process, prefetch included" },
    { { NULL }, NULL }
};

__attribute__((format(printf, 2, 3))) static void absent(struct metric_value *input,
                                                         const char *format, ...)
{
    va_list list;

    input->estimate = (struct estimate){ NAN, NAN };
    input->source = NULL;
    va_start(list, format);
    vsnprintf(input->reason, sizeof input->reason, format, list);
    va_end(list);
}

static void known(struct metric_value *input, double value, double uncertainty)
{
    input->estimate = (struct estimate){ value, uncertainty };
    input->reason[0] = '\0';
    input->source = NULL;
}

static void cell_inputs(sqlite3 *db, int64_t cell, struct metric_value inputs[INPUTS])
{
    static const struct {
        enum metric_input input;
        const char *why;
    } columns[] = { { INPUT_TOKENS, "it has no tokens" },
                    { INPUT_WORK_BYTES, "it is bound by its operations: bytes are not counted" },
                    { INPUT_WORK_OPS, "it has no operations" } };
    sqlite3_stmt *s = NULL;

    for (int i = 0; i < 3; i++)
        absent(&inputs[columns[i].input], "%s", columns[i].why);
    if (sqlite3_prepare_v2(db, "SELECT tokens, work_bytes, work_ops FROM cell WHERE id = ?1", -1,
                           &s, NULL))
        return;
    sqlite3_bind_int64(s, 1, cell);
    if (sqlite3_step(s) == SQLITE_ROW)
        for (int i = 0; i < 3; i++)
            if (sqlite3_column_type(s, i) != SQLITE_NULL)
                known(&inputs[columns[i].input], sqlite3_column_double(s, i), NAN);
    sqlite3_finalize(s);
}

/* Medians. */
static void counted_input(sqlite3 *db, int64_t cell, const struct counted *counts, const char *what,
                          struct metric_value *input)
{
    char reason[JOULES_TEXT_MAX] = "";

    for (; counts->part[0]; counts++) {
        double sum = 0;

        for (int p = 0; p < PARTS_MAX && counts->part[p]; p++)
            sum += counters_median(db, cell, counts->part[p], reason, sizeof reason);
        if (!isnan(sum)) {
            known(input, sum, NAN);
            input->source = counts->source;
            return;
        }
    }
    if (reason[0])
        absent(input, "%s", reason);
    else
        absent(input, "%s: not counted", what);
}

static void energy_inputs(sqlite3 *db, int64_t cell, const char *why,
                          struct metric_value inputs[INPUTS])
{
    static const enum metric_input all[] = { INPUT_ENERGY_J, INPUT_WINDOW_S, INPUT_POWER_W,
                                             INPUT_IDLE_POWER_W };
    struct cell_joules j;

    joules_of(db, cell, &j);
    for (int i = 0; i < 4; i++)
        absent(&inputs[all[i]], "%s", !j.state && why ? why : j.reason);
    if (!j.windows)
        return;
    known(&inputs[INPUT_ENERGY_J], j.energy_j.value, j.energy_j.uncertainty);
    known(&inputs[INPUT_WINDOW_S], j.window_s, NAN);
    known(&inputs[INPUT_POWER_W], j.power_w.value, j.power_w.uncertainty);
    if (j.idle_reason[0])
        absent(&inputs[INPUT_IDLE_POWER_W], "%s", j.idle_reason);
    else
        known(&inputs[INPUT_IDLE_POWER_W], j.idle_power_w.value, j.idle_power_w.uncertainty);
}

void metric_inputs(sqlite3 *db, int64_t cell, const char *why, struct metric_value inputs[INPUTS])
{
    int n;
    double *ns = rows_samples(db, cell, &n);

    cell_inputs(db, cell, inputs);
    if (n)
        known(&inputs[INPUT_TIME_NS], stats_median(ns, n), NAN);
    else
        absent(&inputs[INPUT_TIME_NS], "no sample was taken");
    free(ns);
    counted_input(db, cell, instruction_counts, "instructions", &inputs[INPUT_INSTRUCTIONS]);
    counted_input(db, cell, cycle_counts, "cycles", &inputs[INPUT_CYCLES]);
    counted_input(db, cell, dram_counts, "bytes of DRAM", &inputs[INPUT_DRAM_BYTES]);
    energy_inputs(db, cell, why, inputs);
}

/* ---- storing them ---- */

void metric_formula(const struct metric *metric, const struct metric_value inputs[INPUTS],
                    char *text, size_t size)
{
    snprintf(text, size, "%s", metric->formula);
    for (const enum metric_input *need = metric->needs; *need != INPUTS_END; need++) {
        const size_t used = strlen(text);

        if (inputs[*need].source && used < size)
            snprintf(text + used, size - used, "; %s", inputs[*need].source);
    }
}

static void store(struct run *run, int64_t cell, const char *metric, const char *unit,
                  const char *provenance, const char *formula, const struct metric_value *v)
{
    const struct value value = { metric,
                                 unit,
                                 provenance,
                                 v->estimate.value,
                                 v->estimate.uncertainty,
                                 formula,
                                 v->reason[0] ? v->reason : NULL };

    run_store(run, cell, &value);
}

void metrics_store(struct run *run, int64_t cell)
{
    struct metric_value inputs[INPUTS];
    const char *provenance = run->energy ? energy_provenance(run->energy) : NULL;

    metric_inputs(store_db(run->store), cell, run_energy_reason(run), inputs);
    store(run, cell, "energy_j", "J", provenance ? provenance : PROVENANCE_MEASURED, NULL,
          &inputs[INPUT_ENERGY_J]);
    store(run, cell, "window_s", "s", PROVENANCE_MEASURED, NULL, &inputs[INPUT_WINDOW_S]);
    store(run, cell, "idle_power_w", "W", PROVENANCE_DERIVED,
          "mean over the idle windows of joules / time", &inputs[INPUT_IDLE_POWER_W]);
    for (const struct metric *m = metrics; m->name; m++) {
        const struct metric_value value = metric_of(m, inputs);
        char formula[200];

        metric_formula(m, inputs, formula, sizeof formula);
        store(run, cell, m->name, m->unit, PROVENANCE_DERIVED, formula, &value);
    }
}
