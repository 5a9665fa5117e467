/* SPDX-License-Identifier: MIT
 *
 * store_check.c: what is refused is refused with a sentence that names the file, and not touched.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
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

static struct store *open_new(const char *path)
{
    struct store *store;
    int error = store_open(&store, path);

    if (error)
        fail_msg("%s", store_error(store));
    return store;
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

/* ---- files before and after ---- */

struct bytes {
    size_t size;
    unsigned char *data;
};

static struct bytes slurp(const char *path)
{
    struct bytes b = { 0 };
    struct stat st;
    int fd = open(path, O_RDONLY);

    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    b.size = (size_t)st.st_size;
    b.data = malloc(b.size + 1);
    assert_non_null(b.data);
    assert_int_equal(read(fd, b.data, b.size), st.st_size);
    close(fd);
    return b;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
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

typedef int opener(struct store **store, const char *path);

/* Refused with this errno and a sentence that names the file and says `words`; nothing changed. */
static void assert_refused(opener *open_store, const char *path, int error, const char *words)
{
    struct bytes before = { 0 }, after = { 0 };
    struct stat st;
    int regular = stat(path, &st) == 0 && S_ISREG(st.st_mode);
    int64_t entries = count_entries();
    struct store *store;
    int got;

    if (regular)
        before = slurp(path);
    got = open_store(&store, path);
    if (got != error)
        fail_msg("%s: %d, not %d: %s", path, got, error, store_error(store));
    if (!strstr(store_error(store), path) || !strstr(store_error(store), words))
        fail_msg("\"%s\" does not say \"%s\" and \"%s\"", store_error(store), path, words);
    store_close(store);
    if (regular) {
        after = slurp(path);
        assert_int_equal(after.size, before.size);
        assert_memory_equal(after.data, before.data, before.size);
    }
    assert_int_equal(count_entries(), entries);
    free(before.data);
    free(after.data);
}

static void sqlite_file(const char *path, const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* ---- tests ---- */

static void what_is_no_database_is_refused_untouched(void **state)
{
    static opener *const openers[] = { store_open, store_open_readonly };

    (void)state;
    assert_int_equal(mkdir("directory.db", 0700), 0);
    assert_int_equal(mkfifo("fifo.db", 0600), 0);
    write_file("text.db", "SQLite format 2, or so. Padded to more than one hundred bytes: ......."
                          "......................................................................");
    write_file("short.db", "SQL");
    sqlite_file("foreign.db", "CREATE TABLE machine (id INTEGER PRIMARY KEY)");
    sqlite_file("foreign-wal.db", "PRAGMA journal_mode = WAL; CREATE TABLE t (x)");
    for (int i = 0; i < 2; i++) {
        assert_refused(openers[i], "directory.db", -EISDIR, "directory");
        assert_refused(openers[i], "fifo.db", -EINVAL, "not a regular file");
        assert_refused(openers[i], "text.db", -EBADMSG, "not SQLite");
        assert_refused(openers[i], "short.db", -EBADMSG, "not SQLite");
        assert_refused(openers[i], "foreign.db", -EBADMSG, "not a results database");
        assert_refused(openers[i], "foreign-wal.db", -EBADMSG, "not a results database");
        assert_refused(openers[i], "absent/a.db", -ENOENT, i ? "No such file" : "directory absent");
        assert_refused(openers[i], "text.db/a.db", -ENOTDIR, "Not a directory");
        assert_refused(openers[i], "", -ENOENT, "empty");
    }
}

static void another_schema_version_is_refused_untouched(void **state)
{
    (void)state;
    store_close(open_new("a.db"));
    sqlite_file("a.db", "PRAGMA user_version = 4");
    assert_refused(store_open, "a.db", -EPROTONOSUPPORT, "schema version 4");
    assert_refused(store_open_readonly, "a.db", -EPROTONOSUPPORT, "schema version 4");
}

static void a_mode_without_write_bits_is_refused_even_for_root(void **state)
{
    struct store *store;

    (void)state;
    store_close(open_new("a.db"));
    assert_int_equal(chmod("a.db", 0444), 0);
    assert_refused(store_open, "a.db", -EACCES, "mode 0444");
    assert_int_equal(store_open_readonly(&store, "a.db"), 0); /* reading is not writing */
    store_close(store);
    assert_int_equal(chmod("a.db", 0644), 0);
    assert_int_equal(mkdir("closed", 0555), 0);
    assert_refused(store_open, "closed/a.db", -EACCES, "mode 0555");
    assert_int_equal(chmod("closed", 0755), 0);
}

static void reading_only_creates_and_changes_nothing(void **state)
{
    const struct host host = { .key = "0123456789abcdef" };
    const struct build build = build_read();
    struct store *store = open_new("a.db");
    struct bytes before, after;

    (void)state;
    store_close(store);
    assert_refused(store_open_readonly, "absent.db", -ENOENT, "No such file");
    write_file("empty.db", "");
    assert_refused(store_open_readonly, "empty.db", -EBADMSG, "not SQLite");
    before = slurp("a.db");
    assert_int_equal(store_open_readonly(&store, "a.db"), 0);
    assert_int_equal(query(store_db(store), "SELECT count(*) FROM cell"), 0);
    assert_int_equal(store_run_begin(store, &host, &build, "", "", 0), -EROFS);
    store_close(store);
    after = slurp("a.db");
    assert_int_equal(after.size, before.size);
    assert_memory_equal(after.data, before.data, before.size);
    free(before.data);
    free(after.data);
    assert_int_equal(count_entries(), 2);
}

static void names_mean_files(void **state)
{
    struct stat st;

    (void)state;
    write_file("empty.db", ""); /* what mktemp leaves */
    store_close(open_new("empty.db"));
    store_close(open_new(":memory:"));
    assert_int_equal(stat(":memory:", &st), 0);
    store_close(open_new("file:a?mode=memory"));
    assert_int_equal(stat("file:a?mode=memory", &st), 0);
    store_close(open_new("sp ace%20#.db"));
    assert_int_equal(count_entries(), 4);
}

/* Status of a child that looks at a full disk: a file system of its own, which needs the right to
 * mount in a namespace of its own. */
enum { CHILD_OK = 0, CHILD_WRONG = 1, CHILD_CANNOT = 77 };

static int try_full_disk(void)
{
    struct store *store;
    int fd, error;
    static char block[4096];

    if (unshare(CLONE_NEWNS) && unshare(CLONE_NEWUSER | CLONE_NEWNS))
        return CHILD_CANNOT;
    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    if (mkdir("disk", 0700) || mount("none", "disk", "tmpfs", 0, "size=2m") || chdir("disk"))
        return CHILD_CANNOT;
    fd = open("filler", O_WRONLY | O_CREAT, 0600);
    if (fd < 0) /* a namespace in which this user is nobody */
        return CHILD_CANNOT;
    error = store_open(&store, "a.db");
    store_close(store);
    if (error)
        return CHILD_WRONG;
    while (write(fd, block, sizeof block) > 0)
        continue;
    close(fd);
    for (int i = 0; i < 2; i++) { /* an existing database, a new one */
        error = store_open(&store, i ? "b.db" : "a.db");
        if (error != -ENOSPC || !strstr(store_error(store), "disk is full"))
            return CHILD_WRONG;
        store_close(store);
    }
    return access("b.db", F_OK) == 0 || access("a.db-wal", F_OK) == 0 ? CHILD_WRONG : CHILD_OK;
}

static void a_full_disk_is_refused_before_anything_is_written(void **state)
{
    pid_t child = fork();
    int status;

    (void)state;
    assert_true(child >= 0);
    if (child == 0)
        _exit(try_full_disk());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    rmdir("disk");
    if (WEXITSTATUS(status) == CHILD_CANNOT)
        skip();
    assert_int_equal(WEXITSTATUS(status), CHILD_OK);
}

#define SCRATCH(test) cmocka_unit_test_setup_teardown(test, enter_scratch, leave_scratch)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH(what_is_no_database_is_refused_untouched),
        SCRATCH(another_schema_version_is_refused_untouched),
        SCRATCH(a_mode_without_write_bits_is_refused_even_for_root),
        SCRATCH(reading_only_creates_and_changes_nothing),
        SCRATCH(names_mean_files),
        SCRATCH(a_full_disk_is_refused_before_anything_is_written),
    };

    return cmocka_run_group_tests_name("store_check", tests, NULL, NULL);
}
