/* SPDX-License-Identifier: MIT
 *
 * --meter-cmd: real commands and real pipes. $ENERGY_FIXTURE meter LINES MS WATTS [LAST] prints
 * lines as a meter would. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include "harness/energy/routes.h"
#include "harness/energy/rules.h"
#include "harness/store.h"

static struct energy *energy;
static struct energy_window window;
static char command[512];

static void open_command(const char *text)
{
    static const struct energy_route *const routes[] = { &energy_pipe, NULL };
    const struct meter_context context = { .sysroot = "", .command = text };
    struct energy_rules rules = energy_rules_default;

    rules.window_s = rules.window_periods = rules.edges_share = 0;
    assert_int_equal(energy_open_rules(&energy, &context, routes, &rules), 0);
}

static const char *meter(const char *arguments)
{
    const char *program = getenv("ENERGY_FIXTURE");

    assert_non_null(program);
    snprintf(command, sizeof command, "'%s' meter %s", program, arguments);
    return command;
}

/* Nothing of a command is left: no child, and so no zombie. */
static int tear_down(void **state)
{
    (void)state;
    energy_close(energy);
    energy = NULL;
    return waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD ? 0 : -1;
}

static void sleep_ms(int ms)
{
    nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L }, NULL);
}

static void test_power(void **state)
{
    double seconds;

    (void)state;
    open_command(meter("100000 5 63.5"));
    assert_string_equal(energy_domains(energy), "pipe: wall");
    assert_string_equal(energy_provenance(energy), PROVENANCE_METERED);
    assert_int_equal(energy_aligned(energy), -1); /* 5 ms, and later than what it is of */
    energy_begin(energy);
    sleep_ms(500);
    energy_end(energy, &window);
    seconds = 1e-9 * (double)window.time_ns;
    assert_null(window.total.reason);
    /* A line may be late here: 10 % tell that from a wrong sum. */
    if (fabs(window.total.value - 63.5 * seconds) > 6.35 * seconds + window.total.bound)
        fail_msg("%g J in %g s", window.total.value, seconds);
}

static void test_none_given(void **state)
{
    (void)state;
    open_command(NULL);
    assert_string_equal(energy_route_why(energy, 0)->status, "skipped");
    assert_int_equal(energy_channel_count(energy), 0);
}

/* Until the command's failure falls into a window. On a busy machine it may fall into the opening:
 * then there is no total, for the same reason. */
static void measure_until(const char *words, const char *more)
{
    for (int w = 0; w < 60; w++) {
        const char *reason;

        energy_begin(energy);
        sleep_ms(500);
        energy_end(energy, &window);
        reason = window.total.reason;
        if (!reason || strstr(reason, "stood still"))
            continue;
        assert_true(isnan(window.total.value));
        assert_true(window.state == WINDOW_INVALID || !energy_domains(energy));
        if (!strstr(reason, words) || !strstr(reason, more))
            fail_msg("%s", reason);
        return;
    }
    fail_msg("the command did not fail");
}

static void test_ends(void **state)
{
    (void)state;
    open_command(meter("300 10 10; exit 3"));
    measure_until("ended after line 300", "with status 3");
}

static void test_garbage_in_a_window(void **state)
{
    (void)state;
    open_command(meter("300 10 10 'oh no'; sleep 60"));
    measure_until("line 301", "'oh no'");
}

static void test_refused(void **state)
{
    static const struct {
        const char *command, *said;
    } cases[] = {
        { "echo hello", "line 1 of the meter's command: not `monotonic_ns" },
        { "true", "ended after line 0, with status 0" },
        { "/nonexistent/meter 2>/dev/null", "ended after line 0, with status 127" },
        { "kill -9 $$", "by signal 9" },
        { "echo 5 wall W 3", "the time is not CLOCK_MONOTONIC's" },
        { "echo $(date +%s%N) wall W 3", "the time is not CLOCK_MONOTONIC's" },
        { "echo 5 wall W 3 4", "not `monotonic_ns" },
        { "echo 5 wall kWh 3", "not `monotonic_ns" },
        { "echo 5 wall W x", "not a number" },
        { "echo 5 wall W -3", "not a number" },
        { "echo 5 wall W nan", "not a number" },
        { "echo 5 wall W inf", "not a number" },
        { "echo", "not `monotonic_ns" },
        { "printf '5 a\\0b W 1\\n'", "a zero byte" },
        { "head -c 5000 /dev/zero | tr '\\0' x; sleep 60", "without an end" },
    };

    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        open_command(cases[c].command);
        assert_string_equal(energy_route_why(energy, 0)->status, "broken");
        if (!strstr(energy_route_why(energy, 0)->said, cases[c].said))
            fail_msg("%s: %s", cases[c].command, energy_route_why(energy, 0)->said);
        assert_null(energy_domains(energy));
        assert_int_equal(tear_down(NULL), 0);
    }
}

/* A shell has no such clock: it is given the times that it prints. */
static void test_units(void **state)
{
    const struct meter_context context = { .sysroot = "", .command = command };
    struct energy_sample sample = { 0 };
    long long now = (long long)clock_ns();
    void *pipe;
    struct energy_channel channels[4];
    struct why why = { 0 };

    (void)state;
    snprintf(command, sizeof command,
             "printf '%%s\\n' '%lld rail V 5' '%lld rail A 2' '%lld count J 100.25' "
             "'%lld rail V 5' '%lld rail A 4' '%lld count J 103.75'; sleep 60",
             now - 3000000, now - 3000000, now - 3000000, now - 1000000, now - 1000000,
             now - 1000000);
    assert_int_equal(energy_pipe.open(&pipe, &context, channels, 4, &why), 2);
    assert_string_equal(channels[0].name, "rail");
    assert_string_equal(channels[1].name, "count");
    assert_true(fabs(channels[1].resolution - 0.01) < 1e-9);
    energy_pipe.read(pipe, 0, &sample); /* (10 + 20) / 2 W in 2 ms */
    assert_int_equal(sample.raw, 30000);
    energy_pipe.read(pipe, 1, &sample);
    assert_int_equal(sample.raw, 103750000);
    energy_pipe.close(pipe);
}

/* What the command starts ends with it, also where SIGTERM is ignored. This process becomes the
 * parent of what is left, and finds all of it dead. */
static void test_all_is_killed(void **state)
{
    char text[600];
    pid_t reaped = 0;

    (void)state;
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    snprintf(text, sizeof text, "trap '' TERM; sleep 1000 & %s", meter("100000 5 10"));
    open_command(text);
    assert_non_null(energy_domains(energy));
    energy_close(energy);
    energy = NULL;
    for (int t = 0; t < 500 && reaped >= 0; t++) {
        reaped = waitpid(-1, NULL, WNOHANG);
        if (reaped == 0)
            sleep_ms(10);
    }
    assert_true(reaped == -1 && errno == ECHILD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_power, tear_down),
        cmocka_unit_test_teardown(test_none_given, tear_down),
        cmocka_unit_test_teardown(test_ends, tear_down),
        cmocka_unit_test_teardown(test_garbage_in_a_window, tear_down),
        cmocka_unit_test_teardown(test_refused, tear_down),
        cmocka_unit_test_teardown(test_units, tear_down),
        cmocka_unit_test_teardown(test_all_is_killed, tear_down),
    };

    return cmocka_run_group_tests_name("energy_pipe", tests, NULL, NULL);
}
