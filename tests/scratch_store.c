/* SPDX-License-Identifier: MIT */
#include "tests/scratch_store.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int scratch_store_open(struct store **store, void **state)
{
    char *path = strdup("/tmp/tritbench-test-XXXXXX");
    const int fd = path ? mkstemp(path) : -1;

    *state = path;
    return fd < 0 || close(fd) || unlink(path) || store_open(store, path) ? -1 : 0;
}

int64_t scratch_store_run(struct store **store, void **state, const char *command)
{
    static const struct host host = { .key = "0123456789abcdef" };
    static const struct build build = { "1", "", "", "cc", "-O3", "none" };

    if (scratch_store_open(store, state))
        return -1;
    return store_run_begin(*store, &host, &build, command, "", 1);
}

int scratch_store_close(struct store *store, void **state)
{
    store_close(store);
    const int error = unlink(*state);
    free(*state);
    return error;
}
