/* SPDX-License-Identifier: MIT */
#include "bench/flags.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench/rows.h"
#include "harness/stats.h"

enum { LINE_MAX_BYTES = 400 };

/* Of weights; below it a cell is warned of. */
static const double HUGE_SHARE_MIN = 0.9;

static int input_of(const char *channel)
{
    for (int i = 0; i < NOISE_INPUTS; i++)
        if (!strcmp(channel, noise_channels[i]))
            return i;
    return -1;
}

struct inputs {
    int64_t id;
    struct noise_sample sample;
};

/* The samples of a cell with their readings, one more element behind them. */
static struct inputs *read_inputs(sqlite3 *db, int64_t cell, int *n)
{
    static const char sql[] =
        "SELECT s.id, s.time_ns, r.channel, r.value FROM sample s LEFT JOIN reading r ON r.sample "
        "= s.id WHERE s.cell = ?1 AND s.round >= 0 ORDER BY s.round, s.id";
    sqlite3_stmt *s = NULL;
    struct inputs *list = NULL;
    int room = 0;

    *n = 0;
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL))
        return NULL;
    sqlite3_bind_int64(s, 1, cell);
    while (sqlite3_step(s) == SQLITE_ROW) {
        const int64_t id = sqlite3_column_int64(s, 0);
        if (!*n || list[*n - 1].id != id) {
            if (*n == room) {
                struct inputs *more = realloc(list, (size_t)(room = 2 * room + 16) * sizeof *more);
                if (!more)
                    break;
                list = more;
            }
            list[*n] = (struct inputs){ id, { .time_ns = sqlite3_column_double(s, 1) } };
            for (int i = 0; i < NOISE_INPUTS; i++)
                list[*n].sample.input[i] = NAN;
            ++*n;
        }
        const int input = input_of(rows_text(s, 2));
        if (input >= 0 && sqlite3_column_type(s, 3) != SQLITE_NULL)
            list[*n - 1].sample.input[input] = sqlite3_column_double(s, 3);
    }
    sqlite3_finalize(s);
    return list;
}

static double median_khz(const struct inputs *list, int n)
{
    double *khz = calloc((size_t)n + 1, sizeof *khz), median = NAN;
    int known = 0;

    for (int i = 0; i < n && khz; i++)
        if (!isnan(list[i].sample.input[NOISE_FREQUENCY_KHZ]))
            khz[known++] = list[i].sample.input[NOISE_FREQUENCY_KHZ];
    if (known)
        median = stats_median(khz, known);
    free(khz);
    return median;
}

struct flagged *flags_read(sqlite3 *db, int64_t cell, int *n)
{
    struct inputs *list = read_inputs(db, cell, n);
    struct flagged *flagged = *n ? calloc((size_t)*n, sizeof *flagged) : NULL;
    const double median = *n ? median_khz(list, *n) : NAN;

    for (int i = 0; i < *n && flagged; i++) {
        list[i].sample.median_khz = median;
        flagged[i].sample = list[i].id;
        flagged[i].flags = noise_judge(&list[i].sample, &flagged[i].known, flagged[i].amount);
    }
    if (!flagged)
        *n = 0;
    free(list);
    return flagged;
}

int flags_count(sqlite3 *db, int64_t cell)
{
    int n, known = 0, count = 0;
    struct flagged *flagged = flags_read(db, cell, &n);

    for (int i = 0; i < n; i++) {
        known += flagged[i].known != 0;
        count += flagged[i].flags != 0;
    }
    free(flagged);
    return known ? count : -1;
}

void flags_member(json_t *row, sqlite3 *db, int64_t cell)
{
    const int count = flags_count(db, cell);

    json_object_set_new(row, "flagged", count < 0 ? json_null() : json_integer(count));
}

void flags_text(unsigned flags, char *text, size_t size)
{
    size_t at = 0;

    text[0] = '\0';
    for (int k = 0; k < NOISE_KINDS && at < size; k++)
        if (flags & 1u << k)
            at +=
                (size_t)snprintf(text + at, size - at, "%s%s", at ? ", " : "", noise_kinds[k].name);
}

/* ---- warnings ---- */

/* The amounts of a kind, over all cells of a run. */
struct amounts {
    int count, room;
    double *value;
};

static void add_amount(struct amounts *a, double value)
{
    if (a->count == a->room) {
        double *more = realloc(a->value, (size_t)(a->room = 2 * a->room + 16) * sizeof *more);
        if (!more)
            return;
        a->value = more;
    }
    a->value[a->count++] = value;
}

static sqlite3_stmt *of_run(sqlite3 *db, const char *sql, int64_t run)
{
    sqlite3_stmt *s = NULL;

    if (!sqlite3_prepare_v2(db, sql, -1, &s, NULL))
        sqlite3_bind_int64(s, 1, run);
    return s;
}

/* Small matrices are on no huge page, and need none. */
static void warn_pages(sqlite3 *db, int64_t run, void (*say)(void *arg, const char *line),
                       void *arg)
{
    sqlite3_stmt *s = of_run(db,
                             "SELECT count(*), sum(value < ?2), min(value) FROM value v JOIN cell "
                             "c ON c.id = v.cell WHERE c.run = ?1 AND v.metric = 'huge_page_share' "
                             "AND v.value IS NOT NULL AND (c.kind = 'model' OR (c.kind = 'kernel' "
                             "AND c.cache = 'cold'))",
                             run);
    char line[LINE_MAX_BYTES];

    sqlite3_bind_double(s, 2, HUGE_SHARE_MIN);
    if (s && sqlite3_step(s) == SQLITE_ROW && sqlite3_column_int(s, 1) > 0) {
        snprintf(line, sizeof line,
                 "%d of %d cells: only %.2g%% of the weights are on huge pages (the least of "
                 "these): echo madvise > /sys/kernel/mm/transparent_hugepage/enabled; free or "
                 "compact memory: echo 1 > /proc/sys/vm/compact_memory",
                 sqlite3_column_int(s, 1), sqlite3_column_int(s, 0),
                 100 * sqlite3_column_double(s, 2));
        say(arg, line);
    }
    sqlite3_finalize(s);
}

void flags_warn(sqlite3 *db, int64_t run, void (*say)(void *arg, const char *line), void *arg)
{
    sqlite3_stmt *s = of_run(db, "SELECT id FROM cell WHERE run = ?1", run);
    struct amounts amounts[NOISE_KINDS] = { 0 };
    char line[LINE_MAX_BYTES];
    int samples = 0, n;

    while (s && sqlite3_step(s) == SQLITE_ROW) {
        struct flagged *flagged = flags_read(db, sqlite3_column_int64(s, 0), &n);
        for (int i = 0; i < n; i++)
            for (int k = 0; k < NOISE_KINDS; k++)
                if (flagged[i].flags & 1u << k)
                    add_amount(&amounts[k], flagged[i].amount[k]);
        samples += n;
        free(flagged);
    }
    sqlite3_finalize(s);
    for (int k = 0; k < NOISE_KINDS; k++) {
        if (amounts[k].count) {
            noise_words(k, amounts[k].count, samples,
                        stats_median(amounts[k].value, amounts[k].count), line, sizeof line);
            say(arg, line);
        }
        free(amounts[k].value);
    }
    warn_pages(db, run, say, arg);
}
