/* SPDX-License-Identifier: MIT
 *
 * Joules against loads whose order is known, against another route, and against themselves. */
#include "bench/selftest.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "harness/energy/guard.h"
#include "harness/energy/rules.h"
#include "kernels/roof/roof.h"

/* Before a window its load runs for a tenth of it: clocks and temperature follow. */
static const double SETTLE_SHARE = 0.1;
enum { NAP_NS = 50000000, SPINS = 100000, FMA_ROUNDS = 20000 };

static const char *const load_names[LOADS] = { "idle", "one thread", "all threads",
                                               "all threads, FMA" };

/* What is kept of a window. */
struct taken {
    bool done; /* false: interrupted before */
    double time_s, foreign_share;
    enum window_state state;
    char reason[200];
    struct joules total, joules[ENERGY_CHANNELS_MAX]; /* (energy_channel_count); no reasons */
};

struct session {
    struct selftest *t;
    struct energy *energy;
    double seconds;
    int threads; /* all */
    struct taken load[LOADS], repeat[SELFTEST_REPEATS];
    struct energy_window window;
};

static bool is_ok(const struct why *why)
{
    return strcmp(why->status, "ok") == 0;
}

static void channel_name(const struct session *s, int i, char *name, size_t size)
{
    snprintf(name, size, "%s: %s",
             energy_route(s->energy, energy_channel_route(s->energy, i))->name,
             energy_channel(s->energy, i)->name);
}

static bool is_whole(const struct energy_channel *channel)
{
    return channel->role != ENERGY_PART && channel->role != ENERGY_COPY;
}

/* ---- loads ---- */

struct job {
    int64_t end_ns;
    roof_compute_fn *fma; /* NULL: spin */
};

static void work(void *arg, int index, int count)
{
    const struct job *job = arg;

    (void)index;
    (void)count;
    while (clock_ns() < job->end_ns && !run_stop) {
        if (job->fma)
            job->fma(FMA_ROUNDS);
        else
            for (volatile int i = 0; i < SPINS;)
                i = i + 1;
    }
}

static void idle_until(int64_t end_ns)
{
    while (clock_ns() < end_ns && !run_stop) {
        const int64_t left_ns = end_ns - clock_ns();
        const int64_t nap_ns = left_ns < NAP_NS ? left_ns : NAP_NS;

        nanosleep(&(struct timespec){ .tv_nsec = nap_ns > 0 ? nap_ns : 0 }, NULL);
    }
}

static void load_for(const struct session *s, enum selftest_load load, double seconds)
{
    struct run *run = s->t->run;
    struct job job = { .end_ns = clock_ns() + (int64_t)(1e9 * seconds) };

    if (load == LOAD_IDLE) {
        idle_until(job.end_ns);
        return;
    }
    if (load == LOAD_FMA)
        job.fma = roof_pick(run->cpu)->f32;
    threads_use(run->pool, load == LOAD_ONE ? 1 : s->threads);
    threads_run(run->pool, work, &job);
}

static void take(struct session *s, enum selftest_load load, struct taken *taken)
{
    struct energy_window *window = &s->window;

    load_for(s, load, SETTLE_SHARE * s->seconds);
    energy_begin(s->energy);
    load_for(s, load, s->seconds);
    energy_end(s->energy, window);
    if (run_stop)
        return;
    *taken = (struct taken){ .done = true,
                             .time_s = 1e-9 * (double)window->time_ns,
                             .foreign_share = window->foreign_share,
                             .state = window->state,
                             .total = window->total };
    snprintf(taken->reason, sizeof taken->reason, "%s", window->reason);
    for (int i = 0; i < energy_channel_count(s->energy); i++)
        taken->joules[i] = window->joules[i];
}

/* ---- checks of one window each ---- */

static void power_row(const struct session *s, enum selftest_load load)
{
    const struct taken *taken = &s->load[load];
    char check[60];

    snprintf(check, sizeof check, "power, %s", load_names[load]);
    if (taken->state == WINDOW_INVALID)
        selftest_row(s->t, check, "fail", NAN, "W", NULL, "invalid: %s", taken->reason);
    else
        selftest_row(s->t, check, "pass", taken->total.value / taken->time_s, "W", NULL,
                     "%.6g J, standard uncertainty %.2g J, in %.3f s%s%s", taken->total.value,
                     taken->total.uncertainty, taken->time_s,
                     taken->state == WINDOW_CONTENDED ? "; contended: " : "", taken->reason);
}

static void order_row(const struct session *s)
{
    static const char check[] = "ordering of loads";
    const bool strict = !s->t->run->config->sysroot[0];
    const char *limit = strict ? "rises, k = 2, and full load is above idle" : "rises, k = 2";
    double watts[LOADS], u[LOADS];

    for (int l = 0; l < LOADS; l++) {
        watts[l] = s->load[l].total.value / s->load[l].time_s;
        u[l] = s->load[l].total.uncertainty / s->load[l].time_s;
        if (s->load[l].state == WINDOW_INVALID) {
            selftest_row(s->t, check, "skipped", NAN, "W", limit, "no power of %s", load_names[l]);
            return;
        }
    }
    const int low = selftest_order(watts, u, strict);
    selftest_row(s->t, check, low < 0 ? "pass" : "fail", watts[LOADS - 1] - watts[0], "W", limit,
                 "%.5g, %.5g, %.5g, %.5g W%s%s", watts[0], watts[1], watts[2], watts[3],
                 low < 0 ? "" : ": too low: ", low < 0 ? "" : load_names[low]);
}

/* ---- channels ---- */

static void period_row(const struct session *s, int i)
{
    const struct energy_channel *channel = energy_channel(s->energy, i);
    char name[128], check[150];

    channel_name(s, i, name, sizeof name);
    snprintf(check, sizeof check, "update period, %s", name);
    if (channel->period_s > 0)
        selftest_row(s->t, check, "pass", 1e3 * channel->period_s, "ms", NULL,
                     "mean %.4g ms, 95%% within %.4g, all within %.4g", 1e3 * channel->period_s,
                     1e3 * channel->period_p95_s, 1e3 * channel->period_max_s);
    else
        selftest_row(s->t, check, "skipped", NAN, "ms", NULL,
                     "a power that stood still: no update was seen");
}

/* A channel that stands still is a fault where it would be part of a total; a part, such as a
 * graphics unit that is off, may. */
static void advance_row(const struct session *s, int i)
{
    const struct energy_channel *channel = energy_channel(s->energy, i);
    const struct taken *taken = &s->load[LOAD_FMA];
    const bool broken = strcmp(channel->why.status, "broken") == 0;
    char name[128], check[150];

    channel_name(s, i, name, sizeof name);
    snprintf(check, sizeof check, "advances, %s", name);
    if (!is_ok(&channel->why))
        selftest_row(s->t, check, broken && is_whole(channel) ? "fail" : "skipped", NAN, "J", "> 0",
                     "%s: %s", channel->why.status, channel->why.said);
    else if (isnan(taken->joules[i].value))
        selftest_row(s->t, check, "fail", NAN, "J", "> 0", "no joules under full load");
    else
        selftest_row(
            s->t, check, taken->joules[i].value > 0 || !is_whole(channel) ? "pass" : "fail",
            taken->joules[i].value, "J", "> 0", "in %.3f s under full load", taken->time_s);
}

static unsigned wraps_of(const struct session *s, int i)
{
    unsigned wraps = 0;

    for (int l = 0; l < LOADS; l++)
        wraps += s->load[l].joules[i].wraps;
    for (int r = 0; r < SELFTEST_REPEATS; r++)
        wraps += s->repeat[r].joules[i].wraps;
    return wraps;
}

/* The guard reads four times in the shortest time to a wrap, and sleeps a millisecond at least. */
static void wrap_row(const struct session *s, int i)
{
    const struct energy_channel *channel = energy_channel(s->energy, i);
    const struct energy_rules *rules = &energy_rules_default;
    const double max_w = channel->max_w > 0 ? channel->max_w : rules->package_w;
    const double range_j = (double)channel->wrap * channel->lsb;
    const double deadline_s = range_j / (rules->margin * max_w);
    char name[128], check[150];

    channel_name(s, i, name, sizeof name);
    snprintf(check, sizeof check, "wrap, %s", name);
    if (channel->power || !channel->wrap)
        selftest_row(s->t, check, "pass", NAN, "s", NULL, "%s",
                     channel->power ? "a power: nothing wraps" : "64 bits: it does not wrap");
    else
        selftest_row(s->t, check, deadline_s > 4e-3 ? "pass" : "fail", deadline_s, "s", "> 0.004",
                     "%.6g J; at %.0f W a wrap in that time, and the guard reads every %.3g s; %u "
                     "wraps were counted",
                     range_j, rules->margin * max_w, fmin(rules->guard_s, deadline_s / 4),
                     wraps_of(s, i));
}

/* ---- another route ---- */

/* Joules of a channel over all windows in which both have them. */
struct pair {
    double a, b, u_a, u_b;
};

static void add_pair(struct pair *pair, const struct taken *taken, int a, int b)
{
    const struct joules *x = &taken->joules[a], *y = &taken->joules[b];

    if (!taken->done || isnan(x->value) || isnan(y->value))
        return;
    pair->a += x->value;
    pair->b += y->value;
    pair->u_a = hypot(pair->u_a, x->uncertainty);
    pair->u_b = hypot(pair->u_b, y->uncertainty);
}

static void agree_row(const struct session *s, int a, int b)
{
    const bool dram = energy_channel(s->energy, a)->role == ENERGY_DRAM;
    const double most = selftest_agreement_max(&s->t->run->machine.cpu, dram);
    char name_a[128], name_b[128], check[300], limit[40];
    struct pair pair = { 0 };

    for (int l = 0; l < LOADS; l++)
        add_pair(&pair, &s->load[l], a, b);
    for (int r = 0; r < SELFTEST_REPEATS; r++)
        add_pair(&pair, &s->repeat[r], a, b);
    channel_name(s, a, name_a, sizeof name_a);
    channel_name(s, b, name_b, sizeof name_b);
    snprintf(check, sizeof check, "%s against %s", name_a, name_b);
    snprintf(limit, sizeof limit, "within %.3g %%, k = 2", 100 * most);
    if (!(pair.b > 0))
        selftest_row(s->t, check, "skipped", NAN, "%", limit, "no window in which both count");
    else
        selftest_row(s->t, check,
                     selftest_agree(pair.a, pair.u_a, pair.b, pair.u_b, most) ? "pass" : "fail",
                     100 * (pair.a / pair.b - 1), "%", limit, "%.8g J and %.8g J", pair.a, pair.b);
}

/* Domains of one name on two routes. */
static void agreement_rows(const struct session *s)
{
    const int channels = energy_channel_count(s->energy);
    int pairs = 0;

    for (int a = 0; a < channels; a++)
        for (int b = a + 1; b < channels; b++) {
            const struct energy_channel *x = energy_channel(s->energy, a);
            const struct energy_channel *y = energy_channel(s->energy, b);

            if (energy_channel_route(s->energy, a) == energy_channel_route(s->energy, b) ||
                strcmp(x->name, y->name) != 0 || !is_whole(x) || !is_ok(&x->why) || !is_ok(&y->why))
                continue;
            agree_row(s, a, b);
            pairs++;
        }
    if (!pairs)
        selftest_row(s->t, "one route against another", "skipped", NAN, "%", NULL,
                     "no domain is counted by two routes");
}

/* Packages and DRAM of the first route after --meter-cmd's that has a package; NAN: none does. */
static double inside_w(const struct session *s, const struct taken *taken, int *route)
{
    double joules = 0;

    *route = -1;
    for (int i = 0; i < energy_channel_count(s->energy); i++) {
        const struct energy_channel *channel = energy_channel(s->energy, i);

        if (*route < 0 && channel->role == ENERGY_PACKAGE && !isnan(taken->joules[i].value))
            *route = energy_channel_route(s->energy, i);
    }
    for (int i = 0; i < energy_channel_count(s->energy) && *route >= 0; i++) {
        const enum energy_role role = energy_channel(s->energy, i)->role;

        if (energy_channel_route(s->energy, i) == *route &&
            (role == ENERGY_PACKAGE || role == ENERGY_DRAM) && !isnan(taken->joules[i].value))
            joules += taken->joules[i].value;
    }
    return *route < 0 ? NAN : joules / taken->time_s;
}

/* A meter outside takes in what the packages take, and the losses on the way to them. */
static void outside_row(const struct session *s)
{
    static const char check[] = "meter outside against the package";
    static const char limit[] = "not below, k = 2, nor is its rise";
    double outside[LOADS], inside[LOADS], u[LOADS];
    bool ok = true;
    int route = -1;

    if (!s->t->run->config->meter_command) {
        selftest_row(s->t, check, "skipped", NAN, "%", limit, "no --meter-cmd was given");
        return;
    }
    for (int l = 0; l < LOADS; l++) {
        outside[l] = s->load[l].total.value / s->load[l].time_s;
        u[l] = s->load[l].total.uncertainty / s->load[l].time_s;
        inside[l] = inside_w(s, &s->load[l], &route);
        ok = ok && !(outside[l] + 2 * u[l] < inside[l]);
        if (isnan(outside[l]) || isnan(inside[l])) {
            selftest_row(s->t, check, "skipped", NAN, "%", limit, "%s has no power, %s",
                         isnan(inside[l]) ? "no package" : "the meter outside", load_names[l]);
            return;
        }
    }
    const int last = LOADS - 1;
    const double rise = outside[last] - outside[0], within = inside[last] - inside[0];
    ok = ok && rise + 2 * hypot(u[0], u[last]) >= within;
    selftest_row(s->t, check, ok ? "pass" : "fail", 100 * outside[last] / inside[last], "%", limit,
                 "full load: outside %.5g W, %s %.5g W; rise from idle %.5g W and %.5g W",
                 outside[last], energy_route(s->energy, route)->name, inside[last], rise, within);
}

/* ---- all of them ---- */

static void foreign_row(const struct session *s)
{
    static const char check[] = "foreign share", limit[] = "<= 2 %";
    const char *reason = NULL;
    double most = NAN;

    for (int i = LOAD_ONE; i < LOADS + SELFTEST_REPEATS; i++) {
        const struct taken *taken = i < LOADS ? &s->load[i] : &s->repeat[i - LOADS];

        most = fmax(most, taken->foreign_share);
        if (taken->state == WINDOW_CONTENDED)
            reason = taken->reason;
    }
    if (isnan(most))
        selftest_row(s->t, check, "skipped", NAN, "%", limit, "/proc/stat cannot be read");
    else
        selftest_row(s->t, check, reason ? "fail" : "pass", 100 * most, "%", limit, "%s",
                     reason ? reason : "of the busy CPU time, in the worst window under load");
}

static void repeat_row(const struct session *s)
{
    static const char check[] = "repeatability";
    char limit[40];
    double watts[SELFTEST_REPEATS];

    snprintf(limit, sizeof limit, "< %.3g %%", 100 * selftest_repeat_max);
    for (int r = 0; r < SELFTEST_REPEATS; r++) {
        watts[r] = s->repeat[r].total.value / s->repeat[r].time_s;
        if (s->repeat[r].state == WINDOW_INVALID) {
            selftest_row(s->t, check, "fail", NAN, "%", limit, "window %d is invalid: %s", r + 1,
                         s->repeat[r].reason);
            return;
        }
    }
    const double spread = selftest_spread(watts, SELFTEST_REPEATS);
    selftest_row(s->t, check, spread < selftest_repeat_max ? "pass" : "fail", 100 * spread, "%",
                 limit, "standard deviation by mean of %.5g, %.5g, %.5g, %.5g, %.5g W", watts[0],
                 watts[1], watts[2], watts[3], watts[4]);
}

static void take_all(struct session *s)
{
    struct run *run = s->t->run;

    for (int l = 0; l < LOADS && !run_stop; l++) {
        run_progress(run, "%s, %.3g s", load_names[l], s->seconds);
        take(s, (enum selftest_load)l, &s->load[l]);
    }
    for (int r = 0; r < SELFTEST_REPEATS && !run_stop; r++) {
        run_progress(run, "repetition %d of %d, %.3g s", r + 1, SELFTEST_REPEATS, s->seconds);
        take(s, LOAD_ALL, &s->repeat[r]);
    }
}

static void judge_all(const struct session *s)
{
    const int channels = energy_channel_count(s->energy);

    for (int i = 0; i < channels; i++) {
        const struct energy_channel *channel = energy_channel(s->energy, i);

        advance_row(s, i);
        if (is_ok(&channel->why) && is_whole(channel)) {
            period_row(s, i);
            wrap_row(s, i);
        }
    }
    for (int l = 0; l < LOADS; l++)
        power_row(s, (enum selftest_load)l);
    order_row(s);
    agreement_rows(s);
    outside_row(s);
    foreign_row(s);
    repeat_row(s);
}

/* Nothing makes a total: what is there and counts nothing is a fault, what is not there is none. */
static void judge_none(struct selftest *t)
{
    const struct energy *energy = t->run->energy;
    struct session s = { .t = t, .energy = t->run->energy };

    for (int r = 0; energy && r < energy_route_count(energy); r++) {
        const struct why *why = energy_route_why(energy, r);

        if (!is_ok(why))
            selftest_row(t, energy_route(energy, r)->name, "skipped", NAN, NULL, NULL, "%s: %s",
                         why->status, why->said);
    }
    for (int i = 0; energy && i < energy_channel_count(energy); i++)
        if (!is_ok(&energy_channel(energy, i)->why))
            advance_row(&s, i);
    selftest_row(t, "joules", "skipped", NAN, NULL, NULL, "%s", run_energy_reason(t->run));
}

void selftest_energy(struct selftest *t, double seconds)
{
    struct run *run = t->run;

    if (run_energy_reason(run)) {
        judge_none(t);
        return;
    }
    const int threads = threads_units();
    struct session *s = calloc(1, sizeof *s);
    if (!s || !run_threads(run, threads)) {
        selftest_row(t, "joules", "fail", NAN, NULL, NULL, "no memory, or no threads");
        free(s);
        return;
    }
    s->t = t;
    s->energy = run->energy;
    s->threads = threads;
    /* A little more than the least: the window's own clock begins after the load's. */
    s->seconds = fmax(seconds, 1.001e-9 * (double)energy_window_ns(run->energy));
    take_all(s);
    if (!run_stop)
        judge_all(s);
    free(s);
}
