/* SPDX-License-Identifier: MIT
 *
 * pages.c and what meter_memory.c says about its pages. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "harness/meter.h"
#include "kernels/pages.h"

/* ---- a scratch root with one file, the current directory while a test runs ---- */

static int enter_scratch(void **state)
{
    char *root = strdup("/tmp/tritbench-pages-XXXXXX");

    *state = root;
    return root && mkdtemp(root) && chdir(root) == 0 && mkdir("proc", 0755) == 0 &&
                   mkdir("proc/self", 0755) == 0
               ? 0
               : -1;
}

static int leave_scratch(void **state)
{
    unlink("proc/self/smaps");
    rmdir("proc/self");
    rmdir("proc");
    const int error = chdir("/") || rmdir(*state);
    free(*state);
    return error;
}

static void write_smaps(const char *text)
{
    FILE *file = fopen("proc/self/smaps", "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* ---- tests ---- */

static void the_share_is_of_the_mappings_that_overlap(void **state)
{
    (void)state;
    write_smaps(
        "00001000-00003000 rw-p 00000000 00:00 0 \nSize: 8 kB\nRss:  100 kB\n"
        "Anonymous:  100 kB\nAnonHugePages:  0 kB\n"
        "00003000-00005000 rw-p 00000000 00:00 0 \nRss:  300 kB\nAnonHugePages:  200 kB\n"
        "00005000-00006000 r-xp 00000000 00:00 0 /a b\nRss:  50 kB\nAnonHugePages:  50 kB\n");
    assert_true(memory_huge_share(".", (void *)0x3000, 0x2000).value == 200.0 / 300);
    assert_true(memory_huge_share(".", (void *)0x2fff, 0x2).value == 200.0 / 400);
    assert_true(memory_huge_share(".", (void *)0x1000, 0x2000).value == 0);
    assert_true(memory_huge_share(".", (void *)0x4000, 0x1001).value == 250.0 / 350);
    assert_null(memory_huge_share(".", (void *)0x3000, 0x2000).reason);
}

static void what_cannot_be_read_has_a_reason(void **state)
{
    struct reading share = memory_huge_share(".", (void *)0x3000, 1);

    (void)state;
    assert_non_null(share.reason);
    assert_true(isnan(share.value));
    write_smaps("00001000-00003000 rw-p 00000000 00:00 0 \nRss:  100 kB\n");
    share = memory_huge_share(".", (void *)0x3000, 1);
    assert_non_null(share.reason);
    assert_true(isnan(share.value));
}

static void small_pages_are_small_and_all_are_zero(void **state)
{
    const size_t bytes = (4 << 20) + 1;
    char *small = pages_alloc_small(bytes), *huge = pages_alloc(bytes);

    (void)state;
    assert_non_null(small);
    assert_non_null(huge);
    for (size_t i = 0; i < bytes; i += 4096) {
        assert_int_equal(small[i], 0);
        assert_int_equal(huge[i], 0);
        small[i] = huge[i] = 1;
    }
    assert_int_equal((uintptr_t)small % (2 << 20), 0);
    assert_int_equal((uintptr_t)huge % (2 << 20), 0);
    const struct reading share = memory_huge_share("", small, bytes);
    if (!share.reason)
        assert_true(share.value == 0);
    pages_free(small, bytes);
    pages_free(huge, bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_share_is_of_the_mappings_that_overlap, enter_scratch,
                                        leave_scratch),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_has_a_reason, enter_scratch,
                                        leave_scratch),
        cmocka_unit_test(small_pages_are_small_and_all_are_zero),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
