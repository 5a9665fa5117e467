/* SPDX-License-Identifier: MIT */
#include "bench/schedule.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "bench/child.h"
#include "bench/rows.h"
#include "harness/order.h"

enum { CLAIM_WAIT_S = 60, CLAIM_POLL_NS = 20000000 };

/* ---- one process a run ---- */

/* Binds a name that is not a file's: it ends with its process, however that ends. -EADDRINUSE:
 * there is another; 0, also where nothing can be bound: *fd is -1 then, or to be kept open. */
static int bind_name(const char *db, int64_t run, const char *what, int *fd)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    struct stat st;

    *fd = stat(db, &st) ? -1 : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*fd < 0)
        return 0;
    const int n = snprintf(name.sun_path + 1, sizeof name.sun_path - 1,
                           "tritbench-%llx-%llx-%lld%s", (unsigned long long)st.st_dev,
                           (unsigned long long)st.st_ino, (long long)run, what);
    const socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
    if (!bind(*fd, (struct sockaddr *)&name, size) || errno != EADDRINUSE)
        return 0;
    close(*fd);
    *fd = -1;
    return -EADDRINUSE;
}

static const char of_block[] = "-block";

void schedule_claim_block(const char *db, int64_t run)
{
    int fd;

    bind_name(db, run, of_block, &fd); /* stays open until the end */
}

/* A process that was killed is there until its memory is given back, which takes seconds where it
 * is much; what begins earlier would find that memory taken. */
int schedule_claim(const char *command, const char *db, int64_t run)
{
    const struct timespec pause = { 0, CLAIM_POLL_NS };
    const int64_t start = clock_ns();
    int fd;

    if (bind_name(db, run, "", &fd)) /* stays open until the end */
        return run_refuse(command, "%s: run %lld is still going on in another process", db,
                          (long long)run);
    while (bind_name(db, run, of_block, &fd)) {
        if (clock_ns() - start > CLAIM_WAIT_S * 1000000000LL)
            return run_refuse(command, "%s: run %lld: a process of it is still ending", db,
                              (long long)run);
        nanosleep(&pause, NULL);
    }
    if (fd >= 0)
        close(fd);
    return 0;
}

/* ---- the table ---- */

static sqlite3_stmt *query(struct run *run, const char *sql, int64_t second)
{
    sqlite3_stmt *s = NULL;

    if (sqlite3_prepare_v2(store_db(run->store), sql, -1, &s, NULL)) {
        run_refuse(run->command, "%s: %s", run->config->db, sqlite3_errmsg(store_db(run->store)));
        run->broken = -EIO;
        return NULL;
    }
    sqlite3_bind_int64(s, 1, run->id);
    if (sqlite3_bind_parameter_count(s) > 1)
        sqlite3_bind_int64(s, 2, second);
    return s;
}

static int64_t number(struct run *run, const char *sql, int64_t second)
{
    sqlite3_stmt *s = query(run, sql, second);
    const int64_t value = s && sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;

    sqlite3_finalize(s);
    return value;
}

int schedule_count(struct run *run)
{
    return (int)number(run, "SELECT count(*) FROM plan WHERE run = ?1", 0);
}

static void formats_of(const struct pass_block *b, char *text, size_t size)
{
    size_t at = 0;

    text[0] = '\0';
    for (int s = 0; s < b->spec_count && at < size; s++)
        at +=
            (size_t)snprintf(text + at, size - at, "%s%s", s ? "," : "", b->specs[s].family->name);
}

enum { FORMATS_MAX = 400 };

/* Are these blocks of one model, whose formats are compared? */
static bool one_model(const struct block *a, const struct block *b)
{
    return a->passes.spec_count && b->passes.spec_count &&
           a->passes.specs[0].shape == b->passes.specs[0].shape && a->passes.item == b->passes.item;
}

/* The blocks of a model in a random order; the models as they are, small ones first. */
static void draw_order(const struct block *blocks, int count, uint64_t *random, int *order)
{
    for (int i = 0; i < count; i++)
        order[i] = i;
    for (int first = 0, end; first < count; first = end) {
        for (end = first + 1; end < count && one_model(&blocks[first], &blocks[end]);)
            end++;
        order_shuffle(order + first, end - first, random);
    }
}

static struct plan_row plan_row_of(const struct block *b, char *formats)
{
    formats_of(&b->passes, formats, FORMATS_MAX);
    return (struct plan_row){
        .kind = b->kind,
        .model = b->passes.spec_count ? b->passes.specs[0].shape->name : NULL,
        .formats = formats,
        .spec = block_text(b),
        .predicted_bytes = block_bytes(b),
        .predicted_ns = block_ns(b),
    };
}

void schedule_add(struct run *run, const struct block *blocks, int count, int invocations)
{
    const int first = schedule_count(run), total = count * invocations;
    const int64_t last = number(run, "SELECT max(block) FROM plan WHERE run = ?1", 0);
    struct plan_row *rows = calloc((size_t)total + 1, sizeof *rows);
    char(*formats)[FORMATS_MAX] = calloc((size_t)total + 1, sizeof *formats);
    int *order = calloc((size_t)count + 1, sizeof *order);
    uint64_t random = run->config->seed;

    for (int i = 0; i < total && rows && formats && order; i++) {
        if (i % count == 0)
            draw_order(blocks, count, &random, order);
        rows[i] = plan_row_of(&blocks[order[i % count]], formats[i]);
        rows[i].position = first + i;
        rows[i].block = (int)last + 1 + order[i % count];
        rows[i].invocation = i / count;
    }
    if (!rows || !formats || !order)
        run->broken = -ENOMEM;
    else if (!run->broken && store_plan(run->store, run->id, rows, total))
        run_broken(run);
    for (int i = 0; i < total && rows; i++)
        free((char *)rows[i].spec);
    free(rows);
    free(formats);
    free(order);
}

/* A row of the plan that is about to run. */
struct turn {
    int position, block, invocation;
    bool fresh; /* no process of it has begun yet */
    struct block what;
};

static bool next_turn(struct run *run, int from, int count, struct turn *turn)
{
    sqlite3_stmt *s = query(run,
                            "SELECT position, block, invocation, processes, spec FROM plan WHERE "
                            "run = ?1 AND position >= ?2 AND state IN ('waiting', 'running', "
                            "'interrupted') ORDER BY position",
                            from);
    bool there = s && sqlite3_step(s) == SQLITE_ROW && sqlite3_column_int(s, 0) < count;

    if (there) {
        turn->position = sqlite3_column_int(s, 0);
        turn->block = sqlite3_column_int(s, 1);
        turn->invocation = sqlite3_column_int(s, 2);
        turn->fresh = sqlite3_column_int(s, 3) == 0;
        if (block_parse(rows_text(s, 4), &turn->what)) {
            run_refuse(run->command, "%s: block %d of run %lld is not one of this version's",
                       run->config->db, turn->block, (long long)run->id);
            run->broken = -EBADMSG;
            there = false;
        }
    }
    sqlite3_finalize(s);
    return there;
}

int schedule_blocks(struct run *run, int first, struct block *blocks, int max)
{
    sqlite3_stmt *s = query(run,
                            "SELECT spec FROM plan WHERE run = ?1 AND position >= ?2 AND "
                            "invocation = 0 ORDER BY position",
                            first);
    int n = 0;

    while (s && n < max && sqlite3_step(s) == SQLITE_ROW && !run->broken)
        if (block_parse(rows_text(s, 0), &blocks[n++]))
            run->broken = -EBADMSG;
    sqlite3_finalize(s);
    if (run->broken == -EBADMSG)
        run_refuse(run->command, "%s: the plan of run %lld is not one of this version's",
                   run->config->db, (long long)run->id);
    return n;
}

int64_t schedule_spent_ns(struct run *run)
{
    return number(run, "SELECT sum(time_ns) FROM plan WHERE run = ?1", 0);
}

/* ---- progress ---- */

/* What is left takes as much longer than predicted as what is done has; where no times are
 * predicted, as long by its bytes. 0: not known. */
static int64_t time_left_ns(struct run *run)
{
    static const char costs[] =
        "SELECT coalesce(sum(coalesce(predicted_ns, predicted_bytes)), 0) FROM plan WHERE run = ?1 "
        "AND kind = 'model' AND (state IN ('done', 'failed')) = ?2";
    const double left = (double)number(run, costs, 0), done = (double)number(run, costs, 1);
    const double took =
        (double)number(run,
                       "SELECT coalesce(sum(time_ns), 0) FROM plan WHERE run = ?1 AND kind = "
                       "'model' AND state IN ('done', 'failed')",
                       0);
    const bool predicted =
        number(run, "SELECT count(predicted_ns) FROM plan WHERE run = ?1 AND kind = 'model'", 0);

    return (int64_t)(done > 0 ? left * took / done : predicted ? left : 0);
}

static void announce(struct run *run, const struct turn *turn)
{
    const struct pass_block *b = &turn->what.passes;
    const int count = schedule_count(run);
    const int64_t left_ns = time_left_ns(run);
    char formats[FORMATS_MAX];

    if (!strcmp(turn->what.kind, "roof")) {
        run_progress(run, "block 1: the roof");
        return;
    }
    formats_of(b, formats, sizeof formats);
    run->end_ns = left_ns ? clock_ns() + left_ns : 0;
    run_progress(run, "block %d of %d: %s %s", turn->position + 1, count, b->specs[0].shape->name,
                 formats);
}

/* ---- a block ---- */

static void execute(struct run *run, const char *sql, int64_t second)
{
    sqlite3_stmt *s = query(run, sql, second);

    if (s && sqlite3_step(s) != SQLITE_DONE) {
        run_refuse(run->command, "%s: %s", run->config->db, sqlite3_errmsg(store_db(run->store)));
        run->broken = -EIO;
    }
    sqlite3_finalize(s);
}

void schedule_forget(struct run *run, const char *kind)
{
    sqlite3_stmt *s = query(run, "DELETE FROM cell WHERE run = ?1 AND kind = ?2", 0);

    if (s)
        sqlite3_bind_text(s, 2, kind, -1, SQLITE_STATIC);
    if (s && sqlite3_step(s) != SQLITE_DONE) {
        run_refuse(run->command, "%s: %s", run->config->db, sqlite3_errmsg(store_db(run->store)));
        run->broken = -EIO;
    }
    sqlite3_finalize(s);
}

static const char unfinished[] = "SELECT id FROM cell WHERE run = ?1 AND block = ?2 AND "
                                 "status IN ('running', 'interrupted') ORDER BY id";

/* The cells of this block that are not finished, or those of one format: failed. Returns their
 * number. */
static int fail_cells(struct run *run, const struct turn *turn, const char *format,
                      const char *reason)
{
    sqlite3_stmt *s = query(run,
                            "SELECT id, format FROM cell WHERE run = ?1 AND block = ?2 AND status "
                            "IN ('running', 'interrupted') ORDER BY id",
                            turn->block);
    int64_t ids[PASS_SPECS_MAX * PASS_TESTS_MAX];
    int n = 0;

    while (s && sqlite3_step(s) == SQLITE_ROW && n < PASS_SPECS_MAX * PASS_TESTS_MAX)
        if (!format || !strcmp(rows_text(s, 1), format))
            ids[n++] = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    for (int i = 0; i < n && !run->broken; i++)
        run_status(run, ids[i], "failed", reason);
    return n;
}

/* A process has died: the cell that was under way fails, or those of the model that was being
 * built; where neither is known, all that are left. Returns whether the block can go on. */
static bool blame(struct run *run, const struct turn *turn, const struct child_end *end)
{
    char reason[CHILD_REASON_MAX + 60];

    run->failed = true;
    if (end->cell) {
        run_progress(run, "cell %lld: %s", (long long)end->cell, end->reason);
        run_status(run, end->cell, "failed", end->reason);
        return true;
    }
    snprintf(reason, sizeof reason, "%s%s", end->spec >= 0 ? "when it was built: " : "",
             end->reason);
    run_progress(run, "block %d: %s", turn->position + 1, reason);
    if (end->spec < 0 || end->spec >= turn->what.passes.spec_count) {
        fail_cells(run, turn, NULL, reason);
        return false;
    }
    return fail_cells(run, turn, turn->what.passes.specs[end->spec].family->name, reason) > 0;
}

static void finish(struct run *run, const struct turn *turn, const char *state, const char *reason,
                   int64_t time_ns)
{
    if (store_plan_end(run->store, run->id, turn->position, state, reason, time_ns))
        run_broken(run);
}

/* Under likwid-perfctr -m all regions are to be in one process: then blocks are measured in this
 * one, and the caller has opened the meters. */
static void run_inside(struct run *run, const struct turn *turn, struct child_end *end)
{
    *end = (struct child_end){ .status = 0, .spec = -1 };
    run->block = turn->block;
    run->invocation = turn->invocation;
    run->last_cell = 0;
    block_run(run, &turn->what);
}

/* One process. Returns whether the block needs another. */
static bool run_once(struct run *run, const struct turn *turn)
{
    const int64_t start = clock_ns();
    struct child_end end;
    char *text = block_text(&turn->what);
    int error = text ? 0 : -ENOMEM;

    if (!error &&
        store_plan_begin(run->store, run->id, turn->position, text, block_ns(&turn->what)))
        run_broken(run);
    free(text);
    if (run->meters)
        run_inside(run, turn, &end);
    else if (!error && !run->broken)
        error = child_run(run, turn->position, &end);
    if (error) {
        run->broken = error;
        run_refuse(run->command, "no process for a block: %s", strerror(-error));
    }
    if (run->broken)
        return false;
    const int64_t time_ns = clock_ns() - start;
    if (run->deadline_ns && end.deadline_ns)
        run->deadline_ns = end.deadline_ns;
    if (end.status == 2) { /* its database or its machine failed it, and it has said so */
        run->broken = -EIO;
        finish(run, turn, "interrupted", "its process could not go on", time_ns);
        return false;
    }
    if (end.status == RUN_STOPPED || run_stop) {
        run_stop = 1;
        finish(run, turn, "interrupted", "stopped by a signal", time_ns);
        return false;
    }
    run->failed |= end.status != 0;
    const bool left = number(run, unfinished, turn->block) > 0;
    const bool dead = end.status < 0 || end.status > RUN_STOPPED || left;
    const bool again = dead && blame(run, turn, &end) && !run->broken;
    finish(run, turn,
           again  ? "interrupted"
           : dead ? "failed"
                  : "done",
           dead || again ? end.reason : NULL, time_ns);
    return again && !run->broken;
}

void schedule_go(struct run *run, int count, schedule_fn *adjust, void *arg)
{
    static struct turn turn;

    for (int from = 0; !run->broken && !run_stop && next_turn(run, from, count, &turn);
         from = turn.position + 1) {
        if (turn.fresh && turn.invocation == 0 && adjust)
            adjust(arg, run, turn.position, &turn.what);
        announce(run, &turn);
        if (!strcmp(turn.what.kind, "roof")) /* its work is found anew by each process */
            execute(run, "DELETE FROM cell WHERE run = ?1 AND block = ?2", turn.block);
        while (!run->broken && run_once(run, &turn))
            ;
        run->block = turn.block;
    }
    run->end_ns = 0;
}
