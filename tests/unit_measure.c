/* SPDX-License-Identifier: MIT
 *
 * measure.c: order, warm-up, errors, stops, readings. Nothing here depends on how long anything
 * takes. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "harness/measure.h"

enum { LOG_MAX = 512 };

/* What the sink saw. */
struct record {
    int count, stop_after, fail_after;
    volatile int stop;
    int workload[LOG_MAX], round[LOG_MAX], order[LOG_MAX];
    int64_t start_ns[LOG_MAX];
    struct reading reading[LOG_MAX];
    bool has_readings;
};

static const struct meter_context here = { .sysroot = "" };

static int record_sample(void *arg, const struct sample *sample)
{
    struct record *r = arg;

    assert_true(r->count < LOG_MAX);
    assert_true(sample->time_ns >= 0);
    r->workload[r->count] = sample->workload;
    r->round[r->count] = sample->round;
    r->order[r->count] = sample->order;
    r->start_ns[r->count] = sample->start_ns;
    if (r->has_readings)
        r->reading[r->count] = sample->readings[0];
    r->count++;
    if (r->stop_after && r->count == r->stop_after)
        r->stop = 1;
    return r->fail_after && r->count == r->fail_after ? -ENOSPC : 0;
}

/* A workload that counts, and fails at its fail_at-th run. */
struct job {
    int prepared, ran, fail_at, error;
};

static int prepare_job(void *arg)
{
    struct job *job = arg;

    job->prepared++;
    assert_int_equal(job->prepared, job->ran + 1);
    return 0;
}

static int run_job(void *arg)
{
    struct job *job = arg;

    return ++job->ran == job->fail_at ? job->error : 0;
}

static int refuse_to_prepare(void *arg)
{
    (void)arg;
    return -ENOMEM;
}

enum { JOBS = 4 };

static void make(struct workload *workloads, struct job *jobs)
{
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = (struct job){ 0 };
        workloads[i] = (struct workload){
            .name = "job", .prepare = prepare_job, .run = run_job, .arg = &jobs[i]
        };
    }
}

static void every_round_runs_each_once_in_a_new_order(void **state)
{
    struct workload w[JOBS];
    struct job jobs[JOBS];
    struct record r = { 0 }, again = { 0 }, other = { 0 };
    struct outcome outcomes[JOBS];
    struct plan plan = { .repetitions = 20, .seed = 1 };
    int orders = 0;

    (void)state;
    make(w, jobs);
    assert_int_equal(measure(w, JOBS, &plan, record_sample, &r, outcomes), 0);
    assert_int_equal(r.count, 20 * JOBS);
    for (int i = 0; i < r.count; i += JOBS) {
        int seen = 0;

        for (int j = 0; j < JOBS; j++) {
            assert_int_equal(r.round[i + j], i / JOBS);
            assert_int_equal(r.order[i + j], j);
            seen |= 1 << r.workload[i + j];
        }
        assert_int_equal(seen, 15);
        if (i > 0 && memcmp(&r.workload[i], &r.workload[i - JOBS], sizeof(int[JOBS])) != 0)
            orders++;
    }
    assert_true(orders >= 10); /* 1 in 24 rounds repeats the one before by chance */
    for (int i = 0; i < JOBS; i++) {
        assert_int_equal(outcomes[i].samples, 20);
        assert_int_equal(outcomes[i].warmups, 0);
        assert_int_equal(jobs[i].prepared, 20);
    }

    make(w, jobs);
    assert_int_equal(measure(w, JOBS, &plan, record_sample, &again, outcomes), 0);
    assert_memory_equal(again.workload, r.workload, sizeof r.workload);
    plan.seed = 2;
    make(w, jobs);
    assert_int_equal(measure(w, JOBS, &plan, record_sample, &other, outcomes), 0);
    assert_memory_not_equal(other.workload, r.workload, sizeof r.workload);
}

/* Of an earlier process: two have 3 rounds, one 4, one all 5. */
static void rounds_go_on_behind_those_that_are_there(void **state)
{
    const int done[JOBS] = { 3, 4, 3, 5 };
    struct workload w[JOBS];
    struct job jobs[JOBS];
    struct record r = { 0 };
    struct outcome outcomes[JOBS];
    struct plan plan = { .repetitions = 5, .warmup_max = 1, .seed = 1 };
    int taken[JOBS][8] = { { 0 } };

    (void)state;
    make(w, jobs);
    for (int i = 0; i < JOBS; i++) {
        w[i].done = done[i];
        w[i].warmed = 2;
    }
    assert_int_equal(measure(w, JOBS, &plan, record_sample, &r, outcomes), 0);
    for (int i = 0; i < r.count; i++)
        if (r.round[i] < 0)
            assert_int_equal(r.round[i], -3);
        else
            taken[r.workload[i]][r.round[i]]++;
    for (int i = 0; i < JOBS; i++) {
        assert_int_equal(outcomes[i].samples, 5 - done[i]);
        assert_int_equal(outcomes[i].warmups, done[i] < 5); /* nothing left: nothing warms up */
        for (int round = 0; round < 5; round++)
            assert_int_equal(taken[i][round], round >= done[i]);
    }
}

static void each_workload_comes_first_about_as_often(void **state)
{
    struct workload w[JOBS];
    struct job jobs[JOBS];
    struct record r = { 0 };
    struct outcome outcomes[JOBS];
    struct plan plan = { .repetitions = 100, .seed = 7 };
    int first[JOBS] = { 0 };

    (void)state;
    make(w, jobs);
    assert_int_equal(measure(w, JOBS, &plan, record_sample, &r, outcomes), 0);
    for (int i = 0; i < r.count; i += JOBS)
        first[r.workload[i]]++;
    for (int i = 0; i < JOBS; i++) /* 25 expected, sd 4.3; the seed makes it the same every time */
        assert_in_range(first[i], 10, 40);
}

static void fixed_order_and_own_repetitions(void **state)
{
    struct workload w[JOBS];
    struct job jobs[JOBS];
    struct record r = { 0 };
    struct outcome outcomes[JOBS];
    struct plan plan = { .repetitions = 2, .fixed_order = true };
    const int expected[] = { 0, 1, 2, 3, 0, 1, 2, 3, 1, 1 };

    (void)state;
    make(w, jobs);
    w[1].repetitions = 4;
    assert_int_equal(measure(w, JOBS, &plan, record_sample, &r, outcomes), 0);
    assert_int_equal(r.count, 10);
    assert_memory_equal(r.workload, expected, sizeof expected);
    assert_int_equal(r.order[8], 0);
    assert_int_equal(r.round[9], 3);
    for (int i = 1; i < r.count; i++)
        assert_true(r.start_ns[i] >= r.start_ns[i - 1]);
}

static void warm_up_ends_when_steady_or_at_its_maximum(void **state)
{
    struct workload w[JOBS];
    struct job jobs[JOBS];
    struct record r = { 0 };
    struct outcome outcomes[JOBS];
    /* Bounds that any times meet, then bounds that none meet. */
    struct plan plan = { .repetitions = 1,
                         .warmup_min = 4,
                         .warmup_max = 9,
                         .steady_slope = 1e9,
                         .steady_deviation = 1e9 };

    (void)state;
    make(w, jobs);
    assert_int_equal(measure(w, 1, &plan, record_sample, &r, outcomes), 0);
    assert_int_equal(outcomes[0].warmups, 4);
    assert_true(outcomes[0].steady);
    assert_int_equal(r.count, 5);
    for (int i = 0; i < 4; i++)
        assert_int_equal(r.round[i], -1 - i);
    assert_int_equal(r.round[4], 0);

    r = (struct record){ 0 };
    plan.steady_slope = plan.steady_deviation = -1;
    make(w, jobs);
    assert_int_equal(measure(w, 1, &plan, record_sample, &r, outcomes), 0);
    assert_int_equal(outcomes[0].warmups, 9);
    assert_false(outcomes[0].steady);
    assert_int_equal(outcomes[0].samples, 1);
}

static void an_error_ends_its_workload_only(void **state)
{
    struct workload w[JOBS];
    struct job jobs[JOBS];
    struct record r = { 0 };
    struct outcome outcomes[JOBS];
    struct plan plan = { .repetitions = 5, .seed = 3 };

    (void)state;
    make(w, jobs);
    jobs[2].fail_at = 3;
    jobs[2].error = -EIO;
    w[0].prepare = refuse_to_prepare;
    assert_int_equal(measure(w, JOBS, &plan, record_sample, &r, outcomes), 0);
    assert_int_equal(outcomes[2].error, -EIO);
    assert_int_equal(outcomes[2].samples, 2);
    assert_int_equal(jobs[2].ran, 3);
    assert_int_equal(outcomes[0].error, -ENOMEM);
    assert_int_equal(outcomes[0].samples, 0);
    assert_int_equal(jobs[0].ran, 0);
    assert_int_equal(outcomes[1].samples, 5);
    assert_int_equal(outcomes[3].samples, 5);
    assert_int_equal(r.count, 12);
}

/* Once before each sample, warm-up included, when it has been prepared. */
struct ready {
    struct job *jobs;
    int calls;
};

static void count_ready(void *arg)
{
    struct ready *ready = arg;
    int prepared = 0, ran = 0;

    for (int i = 0; i < JOBS; i++) {
        prepared += ready->jobs[i].prepared;
        ran += ready->jobs[i].ran;
    }
    ready->calls++;
    assert_int_equal(prepared, ready->calls);
    assert_int_equal(ran, ready->calls - 1);
}

static void ready_comes_last_before_each_sample(void **state)
{
    struct workload w[JOBS];
    struct job jobs[JOBS];
    struct record r = { 0 };
    struct outcome outcomes[JOBS];
    struct ready ready = { .jobs = jobs };
    struct plan plan = { .repetitions = 5,
                         .warmup_min = 2,
                         .warmup_max = 2,
                         .ready = count_ready,
                         .ready_arg = &ready };

    (void)state;
    make(w, jobs);
    assert_int_equal(measure(w, JOBS, &plan, record_sample, &r, outcomes), 0);
    assert_int_equal(r.count, 7 * JOBS);
    assert_int_equal(ready.calls, r.count);
}

static void a_stop_begins_no_new_sample(void **state)
{
    struct workload w[JOBS];
    struct job jobs[JOBS];
    struct record r = { .stop_after = 6 };
    struct outcome outcomes[JOBS];
    struct plan plan = { .repetitions = 5, .warmup_max = 1, .stop = &r.stop };

    (void)state;
    make(w, jobs);
    assert_int_equal(measure(w, JOBS, &plan, record_sample, &r, outcomes), -EINTR);
    assert_int_equal(r.count, 6);
    r = (struct record){ .stop_after = 2 }; /* within the warm-up */
    make(w, jobs);
    assert_int_equal(measure(w, JOBS, &plan, record_sample, &r, outcomes), -EINTR);
    assert_int_equal(r.count, 2);
}

static void the_sinks_error_ends_all(void **state)
{
    struct workload w[JOBS];
    struct job jobs[JOBS];
    struct record r = { .fail_after = 7 };
    struct outcome outcomes[JOBS];
    struct plan plan = { .repetitions = 5, .fixed_order = true };

    (void)state;
    make(w, jobs);
    assert_int_equal(measure(w, JOBS, &plan, record_sample, &r, outcomes), -ENOSPC);
    assert_int_equal(r.count, 7);
    assert_int_equal(outcomes[2].samples, 1); /* the seventh was not kept */
}

static void a_deadline_begins_no_new_round(void **state)
{
    struct workload w[JOBS];
    struct job jobs[JOBS];
    struct record r = { 0 };
    struct outcome outcomes[JOBS];
    struct plan plan = { .repetitions = 5, .warmup_max = 3, .deadline_ns = 1 }; /* long ago */

    (void)state;
    make(w, jobs);
    assert_int_equal(measure(w, JOBS, &plan, record_sample, &r, outcomes), 0);
    assert_int_equal(r.count, 0);
}

static void no_workloads_are_no_error(void **state)
{
    struct plan plan = { .repetitions = 5 };
    struct record r = { 0 };

    (void)state;
    assert_int_equal(measure(NULL, 0, &plan, record_sample, &r, NULL), 0);
}

static void readings_go_with_their_sample(void **state)
{
    static const struct reading script[] = { { .value = 5 },
                                             { .value = NAN, .reason = "counter was away" },
                                             { .value = 7 } };
    const struct meter *const list[] = { &meter_fake, NULL };
    struct workload w[JOBS];
    struct job jobs[JOBS];
    struct record r = { .has_readings = true };
    struct outcome outcomes[JOBS];
    struct plan plan = { .repetitions = 4 };

    (void)state;
    make(w, jobs);
    meter_fake_script(script, 3);
    assert_int_equal(meter_set_open(&plan.meters, list, &here), 0);
    assert_string_equal(meter_set_why(plan.meters, 0)->status, "ok");
    assert_int_equal(meter_set_channels(plan.meters), 1);
    assert_int_equal(measure(w, 1, &plan, record_sample, &r, outcomes), 0);
    meter_set_close(plan.meters);
    assert_int_equal(r.count, 4);
    assert_true(r.reading[0].value == 5 && !r.reading[0].reason);
    assert_string_equal(r.reading[1].reason, "counter was away");
    assert_true(r.reading[2].value == 7 && !r.reading[2].reason);
    assert_string_equal(r.reading[3].reason, "the script is at its end");
}

/* A workload's first sample is of all meters; once it is known how short it is, those that cost too
 * much for it are not read. An hour is too much for any. */
static void test_cost_of_a_workload(void **state)
{
    static const struct reading script[200] = { { .value = 7 } };
    static const struct meter *const fake[] = { &meter_fake, NULL };
    struct meter_set *set;
    struct record record = { .has_readings = true };
    struct job job = { 0 };
    const struct workload workload = { .name = "w", .run = run_job, .arg = &job };
    struct outcome outcome;

    (void)state;
    meter_fake_script(script, 200);
    meter_fake_cost(INT64_C(3600000000000));
    assert_int_equal(meter_set_open(&set, fake, &here), 0);
    meter_set_measure(set, meter_fake_now);
    const struct plan plan = { .repetitions = 3, .meters = set };
    assert_int_equal(measure(&workload, 1, &plan, record_sample, &record, &outcome), 0);
    assert_int_equal(record.count, 3);
    assert_null(record.reading[0].reason);
    for (int i = 1; i < 3; i++)
        assert_non_null(strstr(record.reading[i].reason, "left out"));
    meter_set_close(set);
    meter_fake_cost(0);
    meter_fake_script(NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_round_runs_each_once_in_a_new_order),
        cmocka_unit_test(rounds_go_on_behind_those_that_are_there),
        cmocka_unit_test(each_workload_comes_first_about_as_often),
        cmocka_unit_test(fixed_order_and_own_repetitions),
        cmocka_unit_test(warm_up_ends_when_steady_or_at_its_maximum),
        cmocka_unit_test(an_error_ends_its_workload_only),
        cmocka_unit_test(ready_comes_last_before_each_sample),
        cmocka_unit_test(a_stop_begins_no_new_sample),
        cmocka_unit_test(the_sinks_error_ends_all),
        cmocka_unit_test(a_deadline_begins_no_new_round),
        cmocka_unit_test(no_workloads_are_no_error),
        cmocka_unit_test(readings_go_with_their_sample),
        cmocka_unit_test(test_cost_of_a_workload),
    };

    return cmocka_run_group_tests_name("measure", tests, NULL, NULL);
}
