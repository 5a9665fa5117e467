/* SPDX-License-Identifier: MIT */
#include "bench/paper_sparsity.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "bench/rows.h"
#include "model/sparsity.h"

enum { THRESHOLDS = 13, WEIGHTS = 1 << 20, METRIC_MAX = 40 };

/* 0.3, 0.4, ... 1.5 times the mean; absmean's own is 0.5. */
static double threshold_of(int i)
{
    return (i + 3) / 10.0;
}

static void metric_of(char *metric, int i)
{
    snprintf(metric, METRIC_MAX, "zero_share_at_%.1f", threshold_of(i));
}

static void store_distribution(struct run *run, enum distribution d)
{
    const struct cell cell = { .kind = "sparsity",
                               .item = distribution_names[d],
                               .provenance = PROVENANCE_MEASURED };
    const int64_t id = run_cell(run, &cell);
    double threshold[THRESHOLDS], share[THRESHOLDS];
    char metric[METRIC_MAX];

    if (run->broken)
        return;
    for (int i = 0; i < THRESHOLDS; i++)
        threshold[i] = threshold_of(i);
    sparsity_sample(share, threshold, THRESHOLDS, d, run->config->seed, WEIGHTS);
    for (int i = 0; i < THRESHOLDS; i++) {
        metric_of(metric, i);
        run_derived(run, id, metric, sparsity_share(d, threshold[i]), "1", sparsity_formulas[d]);
        run_value(run, id, metric, share[i], "1", PROVENANCE_MEASURED, NULL);
    }
    run_status(run, id, "ok", NULL);
}

void paper_sparsity_store(struct run *run)
{
    for (int d = 0; d < DISTRIBUTIONS && !run->broken; d++)
        store_distribution(run, (enum distribution)d);
}

static void each_value(sqlite3_stmt *s, sparsity_fn *add, void *arg)
{
    char note[160];

    while (sqlite3_step(s) == SQLITE_ROW) {
        struct sparsity_row row = { .distribution = rows_text(s, 0),
                                    .threshold = sqlite3_column_double(s, 1),
                                    .share = sqlite3_column_double(s, 2),
                                    .provenance = rows_text(s, 3),
                                    .low = NAN,
                                    .high = NAN,
                                    .note = note };
        if (!strcmp(row.provenance, PROVENANCE_DERIVED)) {
            const char *formula = "";
            for (int d = 0; d < DISTRIBUTIONS; d++)
                if (!strcmp(row.distribution, distribution_names[d]))
                    formula = sparsity_formulas[d];
            snprintf(note, sizeof note, "%s, t = %.1f", formula, row.threshold);
        } else { /* of a binomial distribution */
            const double half = 1.96 * sqrt(row.share * (1 - row.share) / WEIGHTS);
            row.low = row.share - half;
            row.high = row.share + half;
            snprintf(note, sizeof note, "counted on %d random weights", WEIGHTS);
        }
        add(arg, &row);
    }
}

void paper_sparsity_each(sqlite3 *db, int64_t run, sparsity_fn *add, void *arg)
{
    static const char sql[] =
        "SELECT c.item, CAST(substr(v.metric, 15) AS REAL), v.value, v.provenance "
        "FROM cell c JOIN value v ON v.cell = c.id WHERE c.run = ?1 AND c.kind = 'sparsity' "
        "ORDER BY c.id, v.metric, v.provenance";
    sqlite3_stmt *s = NULL;

    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL))
        return;
    sqlite3_bind_int64(s, 1, run);
    each_value(s, add, arg);
    sqlite3_finalize(s);
}

/* ---- the table ---- */

static const struct column columns[] = {
    { "threshold", "threshold / mean", "%s" },  { "gaussian derived", "Gaussian", "%.4f" },
    { "gaussian measured", "counted", "%.4f" }, { "laplace derived", "Laplace", "%.4f" },
    { "laplace measured", "counted", "%.4f" },  { "uniform derived", "uniform", "%.4f" },
    { "uniform measured", "counted", "%.4f" },  { NULL, NULL, NULL },
};

/* The line of a threshold, made when it is first needed. */
static json_t *line_of(json_t *lines, const char *threshold)
{
    json_t *line;
    size_t i;

    json_array_foreach(lines, i, line)
    {
        if (!strcmp(table_text(line, "threshold"), threshold))
            return line;
    }
    line = json_object();
    json_object_set_new(line, "threshold", json_string(threshold));
    json_array_append_new(lines, line);
    return line;
}

int paper_sparsity_table(struct outputs *o, const json_t *rows)
{
    json_t *lines = json_array(), *row;
    char member[60];
    size_t i;

    json_array_foreach(rows, i, row)
    {
        if (strcmp(table_text(row, "item"), "sparsity"))
            continue;
        json_t *line = line_of(lines, table_text(row, "size"));
        snprintf(member, sizeof member, "%s %s", table_text(row, "variant"),
                 table_text(row, "provenance"));
        json_object_set(line, member, json_object_get(row, "ours"));
    }
    const int error =
        json_array_size(lines)
            ? outputs_table(o, lines, columns, "Zeros against the quantiser's threshold",
                            "Share of weights that become 0: by formula, and counted on random "
                            "weights with their own mean. Absmean's own threshold is 0.5. What "
                            "zeros do to the speed of each kernel: `tritbench kernel --zeros`.")
            : 0;
    json_decref(lines);
    return error;
}
