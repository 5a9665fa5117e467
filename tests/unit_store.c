/* SPDX-License-Identifier: MIT
 *
 * store.c, store_rows.c: what is written can be read, what is killed loses at most the sample in
 * flight. Files that are refused: unit_store_check.c. */
#include <errno.h>
#include <ftw.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "harness/measure.h"
#include "harness/store.h"

/* ---- a scratch directory for each test, the current directory while it runs ---- */

static int enter_scratch(void **state)
{
    char *root = strdup("/tmp/tritbench-store-XXXXXX");

    *state = root;
    return root && mkdtemp(root) && chdir(root) == 0 ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int leave_scratch(void **state)
{
    int error = chdir("/") || nftw(*state, remove_one, 8, FTW_DEPTH | FTW_PHYS);

    free(*state);
    return error;
}

/* ---- a run to write ---- */

static const struct build build = { .version = "1.2.3",
                                    .commit = "abc",
                                    .dirty = "1",
                                    .compiler = "cc",
                                    .flags = "-O3",
                                    .sanitizers = "none" };
static const struct build archive = { .version = "1.2.3",
                                      .commit = "",
                                      .dirty = "",
                                      .compiler = "cc",
                                      .flags = "-O3",
                                      .sanitizers = "none" };

static struct host make_host(void)
{
    return (struct host){ .count = 2,
                          .facts = { { .name = "cpu", .value = "A CPU" },
                                     { .name = "governor", .reason = "no cpufreq" } },
                          .key = "0123456789abcdef" };
}

static struct store *open_new(const char *path)
{
    struct store *store;
    int error = store_open(&store, path);

    if (error)
        fail_msg("%s", store_error(store));
    return store;
}

static int64_t begin(struct store *store)
{
    struct host host = make_host();
    int64_t run = store_run_begin(store, &host, &build, "kernel", "-m 3B", UINT64_MAX);

    if (run <= 0)
        fail_msg("%s", store_error(store));
    return run;
}

static int64_t add_cell(struct store *store, int64_t run)
{
    const struct cell cell = { .kind = "kernel",
                               .format = "ternary2",
                               .isa = "avx2",
                               .phase = "gemv",
                               .rows = 3200,
                               .cols = 8640,
                               .batch = 1,
                               .threads = 2,
                               .work_bytes = 1LL << 40,
                               .provenance = "measured" };
    int64_t id = store_cell(store, run, &cell);

    if (id <= 0)
        fail_msg("%s", store_error(store));
    return id;
}

static const struct channel fake = { "fake", "count", PROVENANCE_COUNTED };
static const struct channel *const channels[] = { &fake };

static int add_sample(struct store *store, int64_t cell, int round)
{
    const struct reading reading = { .value = round };
    const struct sample sample = {
        .round = round, .order = 1, .start_ns = 1000 + round, .time_ns = 50, .readings = &reading
    };

    return store_sample(store, cell, &sample, channels, 1);
}

static int add_value(struct store *store, int64_t cell, const char *metric, double value,
                     const char *unit, const char *provenance, const char *reason)
{
    return store_value(store, cell,
                       &(struct value){ metric, unit, provenance, value, 0, NULL, reason });
}

static int64_t query(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int64_t value;

    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

static int64_t count_entries(void)
{
    FILE *listing = popen("ls -A | wc -l", "r");
    int count = -1;

    assert_non_null(listing);
    assert_int_equal(fscanf(listing, "%d", &count), 1);
    pclose(listing);
    return count;
}

/* ---- tests ---- */

static void a_run_is_read_back(void **state)
{
    static const struct reading readings[] = { { .value = 1.5 },
                                               { .value = 0, .reason = "no counter" } };
    const struct channel second = { "energy", "J", "hw-estimate" };
    const struct channel *const both[] = { &fake, &second };
    const struct sample warm = { .round = -1, .time_ns = 9, .readings = readings };
    struct store *store = open_new("a.db");
    int64_t run = begin(store), cell = add_cell(store, run);
    sqlite3 *db = store_db(store);

    (void)state;
    assert_int_equal(store_sample(store, cell, &warm, both, 2), 0);
    assert_int_equal(add_sample(store, cell, 0), 0);
    assert_int_equal(add_value(store, cell, "rss", 123, "B", "measured", NULL), 0);
    assert_int_equal(add_value(store, cell, "rss", 124, "B", "measured", NULL), 0);
    assert_int_equal(add_value(store, cell, "rss", 200, "B", "paper", NULL), 0);
    assert_int_equal(add_value(store, cell, "huge", 0, "B", "counted", "no THP"), 0);
    assert_int_equal(store_cell_status(store, cell, "ok", NULL), 0);
    assert_int_equal(store_run_end(store, run, "done"), 0);

    assert_int_equal(query(db, "SELECT count(*) FROM sample"), 2);
    assert_int_equal(query(db, "SELECT count(*) FROM sample WHERE round < 0"), 1);
    assert_int_equal(query(db, "SELECT time_ns FROM sample WHERE order_in_round = 1"), 50);
    assert_int_equal(query(db, "SELECT count(*) FROM reading WHERE value = 1.5 AND reason IS NULL"),
                     1);
    assert_int_equal(query(db, "SELECT value IS NULL AND reason = 'no counter' FROM reading"
                               " WHERE channel = 'energy' AND provenance = 'hw-estimate'"),
                     1);
    assert_int_equal(query(db, "SELECT count(*) FROM value"), 3);
    assert_int_equal(query(db, "SELECT value FROM value WHERE provenance = 'measured'"), 124);
    assert_int_equal(query(db, "SELECT value IS NULL FROM value WHERE metric = 'huge'"), 1);
    assert_int_equal(query(db, "SELECT rows = 3200 AND cols = 8640 AND work_bytes = 1 << 40 AND"
                               " n_gen IS NULL AND model IS NULL AND partner IS NULL AND"
                               " status = 'ok' AND reason IS NULL FROM cell"),
                     1);
    assert_int_equal(query(db, "SELECT seed = '18446744073709551615' AND status = 'done' AND"
                               " ended_at >= started_at FROM run"),
                     1);
    assert_int_equal(query(db, "SELECT value = 'A CPU' FROM fact WHERE name = 'cpu'"), 1);
    assert_int_equal(query(db, "SELECT value IS NULL AND reason = 'no cpufreq' FROM fact"
                               " WHERE name = 'governor'"),
                     1);
    store_close(store);
    assert_int_equal(count_entries(), 1); /* at rest it is one file */
    assert_int_equal(store_open_readonly(&store, "a.db"), 0);
    assert_int_equal(query(store_db(store), "SELECT journal_mode = 'delete' FROM"
                                            " pragma_journal_mode"),
                     1); /* and needs no other to be read */
    store_close(store);
}

static void machines_and_builds_are_found_again(void **state)
{
    struct store *store = open_new("a.db");
    struct host host = make_host();

    (void)state;
    begin(store);
    store_close(store);
    store = open_new("a.db");
    begin(store);
    assert_true(store_run_begin(store, &host, &archive, "x", "", 0) > 0);
    assert_true(store_run_begin(store, &host, &archive, "x", "", 0) > 0);
    strcpy(host.key, "fedcba9876543210");
    assert_true(store_run_begin(store, &host, &build, "x", "", 0) > 0);
    assert_int_equal(query(store_db(store), "SELECT count(*) FROM run"), 5);
    assert_int_equal(query(store_db(store), "SELECT count(*) FROM machine"), 2);
    assert_int_equal(query(store_db(store), "SELECT count(*) FROM build"), 2);
    assert_int_equal(query(store_db(store), "SELECT count(*) FROM build WHERE dirty = 1"), 1);
    assert_int_equal(query(store_db(store), "SELECT count(*) FROM fact"), 10);
    store_close(store);
}

static void wrong_words_are_refused_and_nothing_is_left(void **state)
{
    struct store *store = open_new("a.db");
    int64_t run = begin(store), cell = add_cell(store, run);
    const struct channel bad = { "bad", "J", "guessed" };
    const struct channel *const list[] = { &fake, &bad };
    const struct reading readings[] = { { .value = 1 }, { .value = 2 } };
    const struct sample sample = { .readings = readings };
    const struct cell guess = { .kind = "kernel", .provenance = "guessed" };
    const struct cell orphan = { .kind = "kernel", .provenance = "measured", .partner = 99 };

    (void)state;
    assert_int_equal(store_sample(store, cell, &sample, list, 2), -EINVAL);
    assert_non_null(strstr(store_error(store), "a.db"));
    assert_int_equal(query(store_db(store), "SELECT count(*) FROM sample"), 0);
    assert_int_equal(query(store_db(store), "SELECT count(*) FROM reading"), 0);
    assert_int_equal(store_sample(store, cell + 1, &sample, channels, 1), -EINVAL);
    assert_int_equal(store_cell(store, run, &guess), -EINVAL);
    assert_int_equal(store_cell(store, run, &orphan), -EINVAL);
    assert_int_equal(
        store_cell(store, run + 1, &(struct cell){ .kind = "x", .provenance = "measured" }),
        -EINVAL);
    assert_int_equal(store_cell_status(store, cell, "ok", "but"), -EINVAL);
    assert_int_equal(store_cell_status(store, cell, "failed", NULL), -EINVAL);
    assert_int_equal(store_cell_status(store, cell, "fine", NULL), -EINVAL);
    assert_int_equal(store_cell_status(store, cell + 1, "ok", NULL), -ENOENT);
    assert_int_equal(store_run_end(store, run, "over"), -EINVAL);
    assert_int_equal(store_run_end(store, run + 1, "done"), -ENOENT);
    assert_int_equal(add_value(store, cell, "x", 1, "B", "guessed", NULL), -EINVAL);
    assert_int_equal(add_sample(store, cell, 0), 0); /* still usable */
    store_close(store);
}

static void a_value_that_is_no_number_is_absent(void **state)
{
    struct store *store = open_new("a.db");
    int64_t cell = add_cell(store, begin(store));

    (void)state;
    assert_int_equal(add_value(store, cell, "nan", NAN, "J", "measured", NULL), 0);
    assert_int_equal(add_value(store, cell, "inf", INFINITY, "J", "measured", NULL), 0);
    assert_int_equal(query(store_db(store), "SELECT count(*) FROM value WHERE value IS NULL AND"
                                            " reason = 'not a finite number'"),
                     2);
    store_close(store);
}

static void a_reader_sees_each_sample_while_the_run_goes_on(void **state)
{
    struct store *writer = open_new("a.db"), *reader;
    int64_t cell = add_cell(writer, begin(writer));

    (void)state;
    assert_int_equal(store_open_readonly(&reader, "a.db"), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(add_sample(writer, cell, i), 0);
        assert_int_equal(query(store_db(reader), "SELECT count(*) FROM sample"), i + 1);
    }
    store_close(writer);
    assert_int_equal(query(store_db(reader), "SELECT count(*) FROM sample"), 3);
    store_close(reader);
}

static void a_full_database_loses_the_sample_and_keeps_the_rest(void **state)
{
    struct store *store = open_new("a.db");
    int64_t cell = add_cell(store, begin(store)), kept;
    int error = 0, round = 0;
    char sql[64];

    (void)state;
    snprintf(sql, sizeof sql, "PRAGMA max_page_count = %d",
             (int)query(store_db(store), "PRAGMA page_count") + 1);
    query(store_db(store), sql);
    while (!error && round < 10000)
        error = add_sample(store, cell, round++);
    assert_int_equal(error, -ENOSPC);
    assert_non_null(strstr(store_error(store), "a.db"));
    assert_non_null(strstr(store_error(store), "full"));
    kept = query(store_db(store), "SELECT count(*) FROM sample");
    assert_int_equal(kept, round - 1);
    assert_int_equal(query(store_db(store), "SELECT count(*) FROM reading"), kept);
    query(store_db(store), "PRAGMA max_page_count = 100000");
    assert_int_equal(add_sample(store, cell, round), 0); /* room was made: it goes on */
    store_close(store);
}

/* Writes samples for ever, and says after each that it is written. */
static void write_for_ever(int tell)
{
    struct store *store = open_new("a.db");
    int64_t cell = add_cell(store, begin(store));

    for (int round = 0;; round++) {
        if (add_sample(store, cell, round) || write(tell, &round, sizeof round) < 0)
            _exit(1);
    }
}

static void kill_9_loses_at_most_the_sample_in_flight(void **state)
{
    enum { TOLD = 25 };
    int ends[2], round = -1, last = -1, status;
    struct store *store;
    int64_t kept;
    pid_t child;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        write_for_ever(ends[1]);
    close(ends[1]);
    while (last < TOLD && read(ends[0], &last, sizeof last) == sizeof last)
        continue;
    assert_int_equal(last, TOLD);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    while (read(ends[0], &round, sizeof round) == sizeof round)
        last = round; /* told before it died */
    close(ends[0]);

    assert_int_equal(store_open_readonly(&store, "a.db"), 0);
    kept = query(store_db(store), "SELECT count(*) FROM sample");
    store_close(store);
    assert_in_range(kept, last + 1, last + 2); /* the last may be written and not yet told */
    store = open_new("a.db");
    assert_int_equal(query(store_db(store), "SELECT count(*) FROM sample"), kept);
    assert_int_equal(query(store_db(store), "SELECT count(*) FROM reading"), kept);
    assert_int_equal(query(store_db(store), "SELECT status = 'running' FROM run"), 1);
    assert_int_equal(query(store_db(store), "SELECT status = 'running' FROM cell"), 1);
    assert_int_equal(query(store_db(store), "SELECT integrity_check = 'ok' FROM"
                                            " pragma_integrity_check"),
                     1);
    store_close(store);
}

static void a_plan_goes_on(void **state)
{
    struct store *store = open_new("a.db");
    const int64_t run = begin(store);
    const struct plan_row rows[] = {
        { .position = 0, .block = 1, .kind = "roof", .spec = "{}" },
        { .position = 1, .block = 2, .kind = "model", .spec = "{}", .predicted_ns = 5 },
        { .position = 1, .block = 3, .kind = "model", .spec = "{}" }, /* taken */
    };

    (void)state;
    assert_int_equal(store_plan(store, run, rows, 3), -EINVAL);
    assert_int_equal(query(store_db(store), "SELECT count(*) FROM plan"), 0); /* all or none */
    assert_int_equal(store_plan(store, run, rows, 2), 0);
    assert_int_equal(store_plan_begin(store, run, 1, "{2}", 7), 0);
    assert_int_equal(store_plan_end(store, run, 1, "interrupted", "a signal", 10), 0);
    assert_int_equal(store_plan_begin(store, run, 1, "{2}", 7), 0);
    assert_int_equal(store_plan_end(store, run, 1, "done", NULL, 20), 0);
    assert_int_equal(query(store_db(store), "SELECT time_ns + processes FROM plan WHERE "
                                            "state = 'done' AND spec = '{2}'"),
                     32);
    assert_int_equal(store_plan_end(store, run, 1, "done", "why?", 0), -EINVAL);
    assert_int_equal(store_run_end(store, run, "interrupted"), 0);
    assert_int_equal(store_run_again(store, run), 0);
    assert_int_equal(query(store_db(store), "SELECT status = 'running' AND ended_at IS NULL "
                                            "FROM run"),
                     1);
    assert_int_equal(store_run_again(store, run + 1), -ENOENT);
    store_close(store);
}

#define SCRATCH(test) cmocka_unit_test_setup_teardown(test, enter_scratch, leave_scratch)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH(a_run_is_read_back),
        SCRATCH(machines_and_builds_are_found_again),
        SCRATCH(wrong_words_are_refused_and_nothing_is_left),
        SCRATCH(a_value_that_is_no_number_is_absent),
        SCRATCH(a_reader_sees_each_sample_while_the_run_goes_on),
        SCRATCH(a_full_database_loses_the_sample_and_keeps_the_rest),
        SCRATCH(a_plan_goes_on),
        SCRATCH(kill_9_loses_at_most_the_sample_in_flight),
    };

    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
