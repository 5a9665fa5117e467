/* SPDX-License-Identifier: MIT
 *
 * A breakpoint on a function of the operating system's kernel counts its calls exactly. Skipped,
 * and said why, where the kernel hides its addresses or takes no breakpoint in itself: one built
 * without kprobes does not. tests/qemu_pmu.c counts the same on a kernel that does. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>
#include <linux/hw_breakpoint.h>
#include "harness/counters/perf.h"
#include "tests/kallsyms.h"

static void check_system_calls(void **state)
{
    struct perf_event event = { .name = "getppid",
                                .unit = "count",
                                .scale = 1,
                                .group = -1,
                                .type = PERF_TYPE_BREAKPOINT,
                                .config = HW_BREAKPOINT_X,
                                .config1 = kallsyms_find(KALLSYMS_GETPPID),
                                .config2 = sizeof(long) };
    struct reading reading;
    struct perf *perf;

    (void)state;
    if (!event.config1) {
        print_message("# not tested: /proc/kallsyms has no address of " KALLSYMS_GETPPID "\n");
        skip();
    }
    assert_int_equal(perf_open(&perf, &event, 1, "", &perf_linux), 0);
    if (!perf_counted(perf)) {
        print_message("# not tested: %s (%s)\n", perf_why(perf, 0)->said,
                      perf_why(perf, 0)->status);
        perf_close(perf);
        skip();
    }
    for (int calls = 1; calls <= 1000; calls *= 10) {
        perf_start(perf, "calls");
        for (int i = 0; i < calls; i++)
            syscall(SYS_getppid);
        perf_stop(perf, &reading);
        if (reading.reason)
            fail_msg("%s", reading.reason);
        assert_true(reading.value == calls);
        assert_null(reading.note);
    }
    perf_close(perf);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(check_system_calls) };

    return cmocka_run_group_tests_name("system_calls", tests, NULL, NULL);
}
