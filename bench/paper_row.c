/* SPDX-License-Identifier: MIT */
#include "bench/paper_row.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench/flags.h"
#include "bench/roofline.h"
#include "bench/rows.h"
#include "harness/store.h"
#include "model/model.h"

const struct ratio no_ratio = { NAN, NAN, NAN };

static json_t *count(int n)
{
    return n ? json_integer(n) : json_null();
}

json_t *paper_row_new(const struct paper_row *r)
{
    json_t *row = json_object();
    const bool missing = isnan(r->ours);
    const bool unmeasured = missing && !strcmp(r->provenance, PROVENANCE_MEASURED);

    json_object_set_new(row, "item", json_string(r->item));
    json_object_set_new(row, "variant", json_string(r->variant));
    json_object_set_new(row, "model", json_string(paper_is_ternary(r->format) ? "b158" : "llama"));
    json_object_set_new(row, "size", json_string(r->size));
    json_object_set_new(row, "format", json_string(r->format));
    json_object_set_new(row, "metric", json_string(r->metric));
    json_object_set_new(row, "n_prompt", count(r->n_prompt));
    json_object_set_new(row, "n_depth", count(r->n_depth));
    json_object_set_new(row, "parallel", count(r->parallel));
    json_object_set_new(row, "paper", table_real(r->paper));
    json_object_set_new(row, "ours", table_real(r->ours));
    json_object_set_new(row, "ci_low", table_real(r->low));
    json_object_set_new(row, "ci_high", table_real(r->high));
    json_object_set_new(row, "provenance", missing ? json_null() : json_string(r->provenance));
    json_object_set_new(row, "ratio_paper", table_real(r->ratio_paper));
    json_object_set_new(row, "ratio_ours", table_real(r->ratio.value));
    json_object_set_new(row, "ratio_low", table_real(r->ratio.low));
    json_object_set_new(row, "ratio_high", table_real(r->ratio.high));
    json_object_set_new(row, "threads", count(r->threads));
    json_object_set_new(row, "roof_share", json_null());
    json_object_set_new(row, "processes", json_null());
    json_object_set_new(row, "sd_within", json_null());
    json_object_set_new(row, "sd_between", json_null());
    json_object_set_new(row, "flagged", json_null());
    json_object_set_new(row, "budget_bytes", json_null());
    json_object_set_new(row, "batch_bytes", json_null());
    json_object_set_new(row, "next_batch_bytes", json_null());
    json_object_set_new(row, "rss_peak_bytes", json_null());
    json_object_set_new(row, "how", json_string(unmeasured ? "not measured" : r->provenance));
    json_object_set_new(row, "note", json_string(r->note));
    return row;
}

void paper_row_how(json_t *row, const struct paper_cell *c, const char *provenance, double share)
{
    char how[PAPER_REASON_MAX + 60];
    int n;

    if (strcmp(c->status, "ok"))
        n = snprintf(how, sizeof how, "%s: %s", c->status, c->reason);
    else if (!strcmp(provenance, "cycled"))
        n = snprintf(how, sizeof how, "cycled %d/%d", c->layers_resident, c->layers);
    else
        n = snprintf(how, sizeof how, "%s", provenance);
    if (share > 1)
        snprintf(how + n, sizeof how - (size_t)n, ", above the roof");
    json_object_set_new(row, "how", json_string(how));
}

struct paper_times paper_times(const struct paper_cell *c, bool speed)
{
    const double ms = c->times.median / c->tokens * 1e-6;

    if (!speed)
        return (struct paper_times){ ms, c->times.low / c->tokens * 1e-6,
                                     c->times.high / c->tokens * 1e-6 };
    return (struct paper_times){ 1e3 / ms, c->tokens * 1e9 / c->times.high,
                                 c->times.low > 0 ? c->tokens * 1e9 / c->times.low
                                                  : NAN }; /* of few samples: no bound */
}

void paper_row_measured(json_t *row, sqlite3 *db, const struct paper_cell *c, double ours)
{
    const double share = roofline_of(db, c->id).share;
    const struct nested nested = rows_nested(db, c->id);

    paper_row_how(row, c, c->provenance, share);
    json_object_set_new(row, "roof_share", table_real(share));
    json_object_set_new(row, "processes", json_integer(nested.groups));
    json_object_set_new(row, "sd_within", table_real(ours * nested.within / c->times.median));
    json_object_set_new(row, "sd_between", table_real(ours * nested.between / c->times.median));
    flags_member(row, db, c->id);
}

double paper_memory(sqlite3 *db, const struct paper_cell *c, const char **provenance)
{
    const double measured = rows_value(db, c->id, "rss_peak_bytes", NULL);

    *provenance = isnan(measured) ? "derived" : "measured";
    if (!isnan(measured))
        return measured;
    return rows_value(db, c->id, "weights_bytes", NULL) + rows_value(db, c->id, "kv_bytes", NULL) +
           rows_value(db, c->id, "scratch_bytes", NULL);
}

struct ratio paper_speed_ratio(sqlite3 *db, const struct paper_cell *base,
                               const struct paper_cell *c)
{
    const double each = c->tokens / base->tokens;
    struct ratio ratio = { base->times.median / c->times.median * each, NAN, NAN };
    int n = 0;

    if (base->id == c->id)
        return (struct ratio){ 1, NAN, NAN };
    double *pairs = base->group == c->group ? rows_ratios(db, base->id, c->id, &n) : NULL;
    if (n) {
        const struct summary s = stats_ratios(pairs, n);
        ratio = (struct ratio){ stats_center(&s) * each, s.low * each, s.high * each };
    }
    free(pairs);
    return ratio;
}

const char *paper_variant(const char *size)
{
    for (int i = 0; i < PAPER_SIZES; i++)
        if (!strcmp(size, paper_sizes[i].name))
            return "cpu";
    return shape_find(size)->family;
}

int paper_note(char note[PAPER_NOTE_MAX], const struct paper_cell *c, bool same_rounds)
{
    int at = 0;

    note[0] = '\0';
    if (strcmp(c->status, "ok"))
        at += snprintf(note + at, PAPER_NOTE_MAX - (size_t)at, "%s: %s; ", c->status, c->reason);
    if (!strcmp(c->provenance, "cycled"))
        at += snprintf(note + at, PAPER_NOTE_MAX - (size_t)at, "cycled %d/%d layers; ",
                       c->layers_resident, c->layers);
    if (!strcmp(c->kv, "i8"))
        at += snprintf(note + at, PAPER_NOTE_MAX - (size_t)at, "KV cache in int8; ");
    if (!strcmp(c->head, "i8"))
        at += snprintf(note + at, PAPER_NOTE_MAX - (size_t)at, "LM head in int8; ");
    if (c->n && c->n < 6)
        at += snprintf(note + at, PAPER_NOTE_MAX - (size_t)at, "n = %d < 6; ", c->n);
    if (!same_rounds)
        at += snprintf(note + at, PAPER_NOTE_MAX - (size_t)at, "not in the same rounds as f16; ");
    return at;
}
