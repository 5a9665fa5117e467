/* SPDX-License-Identifier: MIT */
#include "bench/roofline.h"
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench/roof.h"
#include "bench/rows.h"

enum { NAME_MAX_BYTES = 40 };

/* What a cell is held against; ids 0: there is none. */
struct ceilings {
    int64_t read, peak;
    double bytes, ops; /* of one sample of the cell */
    double read_bytes, peak_ops;
    char format[NAME_MAX_BYTES], isa[NAME_MAX_BYTES];
};

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql, int64_t first)
{
    sqlite3_stmt *statement = NULL;

    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL))
        return NULL;
    sqlite3_bind_int64(statement, 1, first);
    return statement;
}

static void find_read(sqlite3 *db, int64_t cell, struct ceilings *c)
{
    sqlite3_stmt *s =
        prepare(db,
                "SELECT p.id, p.work_bytes, CASE c.cache WHEN 'warm' THEN 0 ELSE c.work_bytes END, "
                "c.work_ops, c.format, c.isa FROM cell c JOIN cell p ON p.id = c.partner "
                "WHERE c.id = ?1 AND p.kind = 'roof' AND p.phase = 'read'",
                cell);

    if (s && sqlite3_step(s) == SQLITE_ROW) {
        c->read = sqlite3_column_int64(s, 0);
        c->read_bytes = sqlite3_column_double(s, 1);
        c->bytes = sqlite3_column_double(s, 2);
        c->ops = sqlite3_column_double(s, 3);
        snprintf(c->format, sizeof c->format, "%s", rows_text(s, 4));
        snprintf(c->isa, sizeof c->isa, "%s", rows_text(s, 5));
    }
    sqlite3_finalize(s);
}

/* The peak of the format's kind of multiply-add, by the loops of the cell's ISA or, where they have
 * none, of the best (the first). */
static void find_peak(sqlite3 *db, struct ceilings *c)
{
    const struct family *family = family_find(c->format);
    sqlite3_stmt *s = NULL;

    if (family)
        s = prepare(db,
                    "SELECT id, work_ops FROM cell WHERE partner = ?1 AND kind = 'roof' AND "
                    "item = ?2 ORDER BY isa = ?3 DESC, id LIMIT 1",
                    c->read);
    if (s) {
        sqlite3_bind_text(s, 2, roof_names[roof_metric_of(family)], -1, SQLITE_STATIC);
        sqlite3_bind_text(s, 3, c->isa, -1, SQLITE_STATIC);
        if (sqlite3_step(s) == SQLITE_ROW) {
            c->peak = sqlite3_column_int64(s, 0);
            c->peak_ops = sqlite3_column_double(s, 1);
        }
    }
    sqlite3_finalize(s);
}

/* Work by the median time of a cell. */
static double median_rate(sqlite3 *db, int64_t cell, double work)
{
    int n;
    double *ns = rows_samples(db, cell, &n);
    const double rate = n ? work / stats_median(ns, n) : NAN;

    free(ns);
    return rate;
}

/* The rounds' shares into r: both arrays hold the roof's ns by the cell's, read may be longer. */
static void summarise(struct roofline *r, const struct ceilings *c, const double *read,
                      const double *peak, int n)
{
    double *share = malloc((size_t)n * sizeof *share);
    int compute = 0;

    for (int i = 0; share && i < n; i++) {
        const double memory = read[i] * c->bytes / c->read_bytes;
        const double arithmetic = peak ? peak[i] * c->ops / c->peak_ops : 0;
        share[i] = fmax(memory, arithmetic);
        compute += arithmetic > memory;
    }
    if (share) {
        const struct summary s = stats_ratios(share, n);
        r->share = s.median;
        r->low = s.low;
        r->high = s.high;
        r->bound = 2 * compute > n ? "compute" : "memory";
    }
    free(share);
}

struct roofline roofline_of(sqlite3 *db, int64_t cell)
{
    struct roofline r = { NAN, NAN, NAN, NAN, NAN, NULL };
    struct ceilings c = { .read = 0 };
    int n = 0, peaks = 0;

    find_read(db, cell, &c);
    if (!c.read)
        return r;
    find_peak(db, &c);
    r.gbps = median_rate(db, c.read, c.read_bytes);
    if (c.peak)
        r.gops = median_rate(db, c.peak, c.peak_ops);
    double *read = rows_ratios(db, c.read, cell, &n);
    double *peak = c.peak ? rows_ratios(db, c.peak, cell, &peaks) : NULL;
    if (peak && peaks < n)
        n = peaks; /* stopped within a round */
    if (n && (c.bytes > 0 || peak))
        summarise(&r, &c, read, peak, n);
    free(read);
    free(peak);
    return r;
}

/* Ratios of a cell's work and time to another's, whose id and work the statement gives. `rate`: of
 * rates, else of times. */
static struct summary ratio_to(sqlite3 *db, int64_t cell, const char *sql, bool rate)
{
    struct summary s = { .median = NAN, .low = NAN, .high = NAN };
    sqlite3_stmt *statement = prepare(db, sql, cell);

    if (statement && sqlite3_step(statement) == SQLITE_ROW) {
        const int64_t other = sqlite3_column_int64(statement, 0);
        const double work =
            sqlite3_column_double(statement, 2) / sqlite3_column_double(statement, 1);
        int n;
        double *ratios = rate ? rows_ratios(db, other, cell, &n) : rows_ratios(db, cell, other, &n);
        for (int i = 0; i < n; i++)
            ratios[i] *= rate ? work : 1 / work;
        if (n)
            s = stats_ratios(ratios, n);
        free(ratios);
    }
    sqlite3_finalize(statement);
    return s;
}

/* Cells of the same rounds as ?1, of the same kernel: a kernel's partner is the read of its thread
 * count, whose partner is that of the first. */
#define SAME_ROUNDS                                                                                \
    "WITH led AS (SELECT c.*, coalesce(p.partner, p.id, c.id) AS leader FROM cell c "              \
    "LEFT JOIN cell p ON p.id = c.partner "                                                        \
    "WHERE c.run = (SELECT run FROM cell WHERE id = ?1)) "                                         \
    "SELECT b.id, coalesce(b.work_ops, b.work_bytes), coalesce(c.work_ops, c.work_bytes) "         \
    "FROM led c JOIN led b ON b.leader = c.leader AND b.kind = c.kind "                            \
    "AND b.format IS c.format AND b.isa IS c.isa AND b.phase IS c.phase "                          \
    "AND b.rows IS c.rows AND b.cols IS c.cols AND b.batch IS c.batch AND b.cache IS c.cache "

struct summary scaling_of(sqlite3 *db, int64_t cell)
{
    return ratio_to(db, cell,
                    SAME_ROUNDS "AND b.item IS c.item AND b.threads < c.threads "
                                "WHERE c.id = ?1 ORDER BY b.threads LIMIT 1",
                    true);
}

struct summary variant_time_of(sqlite3 *db, int64_t cell)
{
    return ratio_to(db, cell,
                    SAME_ROUNDS "AND b.item IS NOT c.item AND b.threads = c.threads "
                                "AND b.id < c.id WHERE c.id = ?1 ORDER BY b.id LIMIT 1",
                    false);
}
