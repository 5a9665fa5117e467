/* SPDX-License-Identifier: MIT */
#include "bench/joules.h"
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "bench/rows.h"

enum { WINDOWS_MAX = 1000 };

static const double IDLE_DRIFT_MAX = 0.05;

/* Student's factor for 68.27%, by degrees of freedom from 1 on; beyond them 1 + 0.5 / degrees. */
static const double student[] = { 1.84, 1.32, 1.20, 1.14, 1.11, 1.09, 1.08, 1.07, 1.06, 1.05 };

static double student_factor(int degrees)
{
    const int n = sizeof student / sizeof *student;

    return degrees <= n ? student[degrees - 1] : 1 + 0.5 / degrees;
}

struct estimate joules_mean(const double *x, const double *u, int n)
{
    double mean = 0, squares = 0, own = 0, t;

    if (n < 1)
        return (struct estimate){ NAN, NAN };
    for (int i = 0; i < n; i++) {
        mean += x[i] / n;
        own += u[i] * u[i] / n;
    }
    for (int i = 0; i < n; i++)
        squares += (x[i] - mean) * (x[i] - mean);
    t = n > 1 ? student_factor(n - 1) : 0;
    return (struct estimate){ mean, sqrt((n > 1 ? t * t * squares / (n - 1) : 0) / n + own / n) };
}

/* ---- the cell's own windows ---- */

static const char work_sql[] =
    "SELECT w.state, w.reason, w.runs, w.time_ns, j.value, j.uncertainty, j.reason, j.domains, "
    "j.provenance FROM window w JOIN joules j ON j.window = w.id AND j.channel = 'total' "
    "WHERE w.cell = ?1 ORDER BY w.id";

static void copy_text(char *text, size_t size, sqlite3_stmt *s, int column)
{
    const char *from = (const char *)sqlite3_column_text(s, column);

    snprintf(text, size, "%s", from ? from : "");
}

struct stretch {
    double energy_j[WINDOWS_MAX], u[WINDOWS_MAX], seconds; /* of one sample */
    double power_w[WINDOWS_MAX], power_u[WINDOWS_MAX];
    int n;
};

static void add_window(struct stretch *t, sqlite3_stmt *s)
{
    const double runs = sqlite3_column_double(s, 2);
    const double seconds = sqlite3_column_double(s, 3) * 1e-9;

    if (t->n == WINDOWS_MAX)
        return;
    t->power_w[t->n] = sqlite3_column_double(s, 4) / seconds;
    t->power_u[t->n] = sqlite3_column_double(s, 5) / seconds;
    t->energy_j[t->n] = sqlite3_column_double(s, 4) / runs;
    t->u[t->n] = sqlite3_column_double(s, 5) / runs;
    t->seconds += seconds / runs;
    t->n++;
}

/* Reads every window; *valid and *contended are those with joules. */
static int read_windows(sqlite3_stmt *s, struct cell_joules *j, struct stretch *valid,
                        struct stretch *contended)
{
    char why[JOULES_TEXT_MAX] = "";
    int count = 0;

    for (; sqlite3_step(s) == SQLITE_ROW; count++) {
        const char *state = (const char *)sqlite3_column_text(s, 0);
        const bool absent = sqlite3_column_type(s, 4) == SQLITE_NULL;

        copy_text(j->domains, sizeof j->domains, s, 7);
        copy_text(j->provenance, sizeof j->provenance, s, 8);
        if (strcmp(state, "valid"))
            copy_text(why, sizeof why, s, 1);
        if (absent)
            copy_text(j->reason, sizeof j->reason, s, 6);
        else if (!strcmp(state, "valid"))
            add_window(valid, s);
        else if (!strcmp(state, "contended"))
            add_window(contended, s);
        else
            copy_text(j->reason, sizeof j->reason, s, 1);
    }
    if (count > valid->n)
        snprintf(j->note, sizeof j->note, "%d of %d windows valid%s%.150s", valid->n, count,
                 why[0] ? ": " : "", why);
    return count;
}

/* What the process that ran the cell said of it, which knew the meters. */
static void why_none(sqlite3 *db, int64_t cell, char *reason)
{
    rows_value(db, cell, "energy_j", reason);
    if (!strcmp(reason, rows_not_recorded))
        snprintf(reason, JOULES_TEXT_MAX, "no window of it was measured");
}

static void read_work(sqlite3 *db, int64_t cell, struct cell_joules *j)
{
    static struct stretch valid, contended;
    const struct stretch *used = &valid;
    sqlite3_stmt *s = NULL;
    int count = 0;

    valid.n = contended.n = 0;
    valid.seconds = contended.seconds = 0;
    if (sqlite3_prepare_v2(db, work_sql, -1, &s, NULL) == SQLITE_OK) {
        sqlite3_bind_int64(s, 1, cell);
        count = read_windows(s, j, &valid, &contended);
    }
    sqlite3_finalize(s);
    if (!valid.n && contended.n)
        used = &contended;
    j->windows = used->n;
    j->state = used == &contended ? "contended" : used->n ? "valid" : count ? "invalid" : NULL;
    j->energy_j = joules_mean(used->energy_j, used->u, used->n);
    j->power_w = joules_mean(used->power_w, used->power_u, used->n);
    j->window_s = used->n ? used->seconds / used->n : NAN;
    if (used->n)
        j->reason[0] = '\0';
    else if (!count)
        why_none(db, cell, j->reason);
}

/* ---- idle ---- */

static const char idle_sql[] =
    "SELECT w.state, w.reason, w.time_ns, j.value, j.uncertainty, j.reason FROM window w "
    "JOIN joules j ON j.window = w.id AND j.channel = 'total' WHERE w.cell IS NULL AND "
    "(w.run, w.series) IN (SELECT run, series FROM window WHERE cell = ?1) ORDER BY w.round";

/* Power of the idle windows: before, after. Returns how many could be used. */
static int read_idle_windows(sqlite3_stmt *s, struct cell_joules *j, double *power, double *u)
{
    int n = 0;

    while (sqlite3_step(s) == SQLITE_ROW) {
        const bool invalid = !strcmp((const char *)sqlite3_column_text(s, 0), "invalid");
        const double seconds = sqlite3_column_double(s, 2) * 1e-9;

        if (invalid || sqlite3_column_type(s, 3) == SQLITE_NULL) {
            copy_text(j->idle_reason, sizeof j->idle_reason, s, invalid ? 1 : 5);
        } else if (n < 2 && seconds > 0) {
            power[n] = sqlite3_column_double(s, 3) / seconds;
            u[n++] = sqlite3_column_double(s, 4) / seconds;
        }
    }
    return n;
}

static void read_idle(sqlite3 *db, int64_t cell, struct cell_joules *j)
{
    sqlite3_stmt *s = NULL;
    double power[2], u[2];
    int n = 0;

    if (sqlite3_prepare_v2(db, idle_sql, -1, &s, NULL) == SQLITE_OK) {
        sqlite3_bind_int64(s, 1, cell);
        n = read_idle_windows(s, j, power, u);
    }
    sqlite3_finalize(s);
    if (n < 2 && !j->idle_reason[0])
        snprintf(j->idle_reason, sizeof j->idle_reason, "%s",
                 n ? "idle on one side of the work only" : "no idle window was measured");
    if (n < 2)
        return;
    j->idle_power_w = joules_mean(power, u, 2);
    const double above = j->power_w.value - j->idle_power_w.value;
    const double drift = fabs(power[0] - power[1]);
    if (drift > IDLE_DRIFT_MAX * above)
        snprintf(j->idle_reason, sizeof j->idle_reason,
                 "idle power was %.2f W before and %.2f W after: they differ by more than 5%% of "
                 "the %.2f W above idle",
                 power[0], power[1], above);
}

void joules_of(sqlite3 *db, int64_t cell, struct cell_joules *joules)
{
    *joules = (struct cell_joules){ .idle_power_w = { NAN, NAN } };
    read_work(db, cell, joules);
    if (joules->windows)
        read_idle(db, cell, joules);
    else
        snprintf(joules->idle_reason, sizeof joules->idle_reason, "%s", joules->reason);
}
