/* SPDX-License-Identifier: MIT
 *
 * paper_fixture DB [SIZE...]: writes the database of paper_fixture.h, with all nine sizes unless
 * some are named. Exit status 1 with a line on stderr where it cannot. */
#include <stdio.h>
#include "tests/paper_fixture.h"

int main(int argc, char **argv)
{
    static const char *const sizes[] = { "700M", "1.3B", "3B",  "3.9B", "7B",
                                         "13B",  "30B",  "65B", "70B",  NULL };
    struct store *store = NULL;

    if (argc < 2) {
        fprintf(stderr, "paper_fixture DB [SIZE...]\n");
        return 2;
    }
    const bool bad = store_open(&store, argv[1]) ||
                     paper_fixture(store, argc > 2 ? (const char *const *)argv + 2 : sizes) < 0;
    if (bad)
        fprintf(stderr, "%s: %s\n", argv[1], store ? store_error(store) : "no memory");
    store_close(store);
    return bad;
}
