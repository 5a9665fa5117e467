/* SPDX-License-Identifier: MIT */
#include "bench/profile.h"
#include <math.h>
#include <stdio.h>
#include "bench/rows.h"

static const char rest[] = "rest";

/* The word of part i; "rest" behind the last. */
static const char *word_of(int i)
{
    return i < PARTS ? part_names[i] : rest;
}

static void metric_of(char *metric, size_t size, int i)
{
    snprintf(metric, size, "profile_%s_ns", word_of(i));
}

void profile_store(struct run *run, int64_t cell, const struct profile *profile, int64_t total_ns,
                   int passes, const char *provenance)
{
    int64_t left = total_ns;
    char metric[40];

    for (int i = 0; i <= PARTS; i++) {
        const int64_t ns = i < PARTS ? profile->ns[i] : left;
        if (i == PART_ROUTER && !ns)
            continue; /* a dense model has none */
        metric_of(metric, sizeof metric, i);
        run_value(run, cell, metric, (double)ns / passes, "ns", provenance, NULL);
        left -= ns;
    }
}

json_t *profile_object(sqlite3 *db, int64_t cell)
{
    json_t *object = json_object();
    char metric[40];

    for (int i = 0; i <= PARTS; i++) {
        metric_of(metric, sizeof metric, i);
        const double ns = rows_value(db, cell, metric, NULL);
        if (!isnan(ns))
            json_object_set_new(object, word_of(i), json_real(ns));
    }
    if (json_object_size(object))
        return object;
    json_decref(object);
    return json_null();
}

/* Percent of each part, under its word, beside what says whose they are. */
static json_t *share_row(const json_t *row, const json_t *profile)
{
    static const char *const names[] = { "model",   "format",   "isa",     "phase", "n_prompt",
                                         "n_depth", "parallel", "threads", NULL };
    json_t *shares = json_object();
    double total = 0;

    for (const char *const *name = names; *name; name++)
        json_object_set(shares, *name, json_object_get(row, *name));
    for (int i = 0; i <= PARTS; i++)
        total += json_real_value(json_object_get(profile, word_of(i)));
    for (int i = 0; i <= PARTS; i++) {
        const json_t *ns = json_object_get(profile, word_of(i));
        json_object_set_new(shares, word_of(i),
                            table_real(ns ? 100 * json_real_value(ns) / total : NAN));
    }
    json_object_set_new(
        shares, "ms", table_real(total * 1e-6 / json_number_value(json_object_get(row, "tokens"))));
    return shares;
}

int profile_table(struct outputs *outputs, const json_t *rows)
{
    struct column columns[8 + PARTS + 3] = {
        { "model", "model", "%s" },    { "format", "format", "%s" },
        { "isa", "ISA", "%s" },        { "phase", "phase", "%s" },
        { "n_prompt", "p", "%.0f" },   { "n_depth", "depth", "%.0f" },
        { "parallel", "seq", "%.0f" }, { "threads", "threads", "%.0f" },
    };
    json_t *shares = json_array(), *row;
    size_t index;

    for (int i = 0; i <= PARTS; i++)
        columns[8 + i] = (struct column){ word_of(i), word_of(i), "%.2f" };
    columns[8 + PARTS + 1] = (struct column){ "ms", "ms/token", "%.2f" };
    json_array_foreach(rows, index, row)
    {
        const json_t *profile = json_object_get(row, "profile");
        if (json_is_object(profile))
            json_array_append_new(shares, share_row(row, profile));
    }
    const int error = outputs_table(
        outputs, shares, columns, "Share of the time, in percent",
        "Means of passes of their own, that read the clock between the parts. norms: with the "
        "quantiser of activations. rope_kv: with storing k and v. rest: in none of the parts.");
    json_decref(shares);
    return error;
}
