/* SPDX-License-Identifier: MIT */
#include "harness/energy/track.h"

#include <math.h>
#include <stdio.h>
#include "harness/counter.h"

enum { STANDING_PERIODS = 50 };

static double larger(double a, double b)
{
    return a > b ? a : b;
}

static double seconds(int64_t ns)
{
    return 1e-9 * (double)ns;
}

uint64_t track_counts(const struct energy_channel *channel, uint64_t from, uint64_t to)
{
    return to >= from ? to - from : channel->wrap - from + to;
}

static void fail(struct track *track, enum track_fault fault, double value)
{
    if (track->fault != TRACK_OK)
        return; /* the first one explains the others */
    track->fault = fault;
    track->fault_value = value;
}

/* False: this sample shows nothing. */
static bool usable(struct track *track, const struct energy_sample *sample)
{
    const struct energy_channel *channel = track->channel;

    if (sample->error) {
        fail(track, TRACK_ERROR, 0);
        track->error = track->error ? track->error : sample->error;
        return false;
    }
    if (!channel->power && channel->wrap && sample->raw >= channel->wrap) {
        fail(track, TRACK_RANGE, (double)sample->raw);
        return false;
    }
    if (channel->power && (double)sample->raw * channel->lsb > track->max_w) {
        track->fault_s = 0;
        fail(track, TRACK_JUMP, (double)sample->raw * channel->lsb);
        return false;
    }
    return true;
}

static void add_power(struct track *track, double from_w, double to_w, double time_s)
{
    double difference_j = fabs(to_w - from_w) * time_s;

    track->power_j += 0.5 * (from_w + to_w) * time_s;
    track->variation_j += 0.5 * difference_j;
    track->variance_j2 += difference_j * difference_j / 12;
}

/* An update shows at once what was drawn since the one before. So a jump is more than max_w gives
 * in the time since the counter was last seen to change and two periods: one that this change was
 * itself late to be seen, one that an update may come late. */
static void add_counts(struct track *track, const struct energy_sample *sample)
{
    const struct energy_channel *channel = track->channel;
    uint64_t counts = track_counts(channel, track->last.raw, sample->raw);
    double joules = (double)counts * channel->lsb;
    double since_s = seconds(sample->time_ns - track->changed_ns) +
                     2 * larger(channel->period_p95_s, channel->period_max_s);

    if (joules > track->max_w * since_s + channel->resolution + channel->lsb) {
        track->fault_s = since_s;
        fail(track, TRACK_JUMP, joules);
    }
    if (sample->raw < track->last.raw)
        track->wraps++;
    track->counts += counts;
}

void track_add(struct track *track, const struct energy_sample *sample)
{
    const struct energy_channel *channel = track->channel;
    int64_t gap_ns = sample->time_ns - track->last.time_ns;
    bool was_known = track->known;

    track->known = usable(track, sample);
    if (track->known && was_known) {
        if (track->deadline_ns && gap_ns > track->deadline_ns)
            fail(track, TRACK_LATE, seconds(gap_ns));
        if (channel->power)
            add_power(track, (double)track->last.raw * channel->lsb,
                      (double)sample->raw * channel->lsb, seconds(gap_ns));
        else if (!channel->wrap && sample->raw < track->last.raw)
            fail(track, TRACK_BACK, (double)sample->raw);
        else
            add_counts(track, sample);
    }
    if (track->known && (!was_known || sample->raw != track->last.raw))
        track->changed_ns = sample->time_ns;
    track->last = *sample;
}

void track_begin(struct track *track, const struct energy_sample *sample)
{
    const struct energy_channel *channel = track->channel;
    double gap_s = seconds(sample->time_ns - track->last.time_ns);

    /* A short gap would show the updates' grain and no power. */
    if (track->known && !sample->error && !channel->power &&
        gap_s > STANDING_PERIODS * channel->period_p95_s) {
        double joules = (double)track_counts(channel, track->last.raw, sample->raw) * channel->lsb;

        track->before_w = joules / gap_s > track->max_w ? 0 : joules / gap_s;
    }
    if (!track->known || sample->raw != track->last.raw)
        track->changed_ns = sample->time_ns;
    track->fault = TRACK_OK;
    track->error = 0;
    track->counts = 0;
    track->wraps = 0;
    track->power_j = track->variation_j = track->variance_j2 = 0;
    track->begin.known = track->end.known = false;
    track->known = usable(track, sample);
    track->first = track->last = *sample;
}

/* A reading shows the last update, of an age between 0 and the period tau. At a power P each edge
 * is off by P * age, with opposite signs: standard: P * tau_95 / 2: the most for any fixed phase;
 * for a random one it is P * tau / sqrt(6) bound:    P * tau_max; an update that was left out
 * counts, so at least 2 tau Two values cut to a resolution q differ by an error of triangular
 * distribution: q / sqrt(6), bound q. When in [t, t + dt] the value was taken is not known:
 * uniform, P * dt / sqrt(12) an edge, bound P * dt. JCGM 100:2008 (GUM), 4.3.7, 4.3.9 and 5.1.2. P
 * is the larger of the mean powers in the window and before it: the first edge's age lies before
 * the window. */
static void counter_uncertainty(const struct track *track, double power_w, const double edge_s[2],
                                struct joules *joules)
{
    const struct energy_channel *channel = track->channel;
    double step = larger(channel->resolution, channel->lsb);
    double edge = power_w * channel->period_p95_s / 2;
    double clock2 = power_w * power_w * (edge_s[0] * edge_s[0] + edge_s[1] * edge_s[1]) / 12;

    joules->uncertainty = sqrt(edge * edge + step * step / 6 + clock2);
    joules->bound = power_w * larger(channel->period_max_s, 2 * channel->period_s) + step +
                    power_w * (edge_s[0] + edge_s[1]);
}

/* Aligned: the counts are those from one update to another, of which the times are known to lie in
 * [from, to]. Their power, over the window's time, is its energy: an age at an edge is a correction
 * of P * age. Standard: the place in [from, to] is uniform, and so is the power in the age, from
 * half of P to 1.5 P. Bound: P from the earliest time that the update can have come; where the next
 * one was waited for, E lies between what the two showed. JCGM 100:2008, 4.3.7 and F.2.4.4.
 * False: the window is too short for it. */
static bool aligned_joules(const struct track *track, int64_t start_ns, int64_t time_ns,
                           const double edge_s[2], struct joules *joules)
{
    const struct energy_channel *channel = track->channel;
    const struct track_update *begin = &track->begin, *end = &track->end;
    const double step = larger(channel->resolution, channel->lsb);
    const double counted_j = (double)track->counts * channel->lsb;
    const double width_s[2] = { seconds(begin->to_ns - begin->from_ns),
                                seconds(end->to_ns - end->from_ns) };
    const double age_s[2] = { seconds(start_ns - begin->to_ns) + width_s[0] / 2,
                              seconds(start_ns + time_ns - end->to_ns) + width_s[1] / 2 };
    const double oldest_s[2] = {
        larger(fabs(age_s[0]) + width_s[0] / 2, seconds(start_ns - begin->earliest_ns)),
        larger(fabs(age_s[1]) + width_s[1] / 2, seconds(start_ns + time_ns - end->earliest_ns))
    };
    const double time_s = seconds(time_ns), counted_s = time_s + age_s[0] - age_s[1];
    double power_w, squares = 0;

    if (counted_s <= 0)
        return false;
    power_w = counted_j / counted_s;
    for (int e = 0; e < 2; e++)
        squares += (width_s[e] * width_s[e] + age_s[e] * age_s[e]) / 12;
    joules->value = power_w * time_s;
    joules->uncertainty = sqrt(power_w * power_w * squares + step * step / 6);
    joules->bound = power_w * oldest_s[0] + step;
    if (isnan(end->next_j))
        joules->bound += power_w * oldest_s[1];
    else
        joules->bound += larger(power_w * fabs(age_s[1]), end->next_j - power_w * age_s[1]) + step +
                         power_w * edge_s[1];
    return true;
}

/* A power is a counter's derivative: the same age at both edges, the resolution over the whole
 * window. Between two reads it is taken to lie between what they show, uniformly: that is what the
 * trapezoid may be off by. */
static void power_uncertainty(const struct track *track, double power_w, const double edge_s[2],
                              struct joules *joules)
{
    const struct energy_channel *channel = track->channel;
    double step = larger(channel->resolution, channel->lsb) *
                  seconds(track->last.time_ns - track->first.time_ns);
    double edge = power_w * channel->period_p95_s / 2;
    double clock2 = power_w * power_w * (edge_s[0] * edge_s[0] + edge_s[1] * edge_s[1]) / 12;

    joules->uncertainty = sqrt(edge * edge + step * step / 12 + clock2 + track->variance_j2);
    joules->bound = power_w * larger(channel->period_max_s, 2 * channel->period_s) + step +
                    power_w * (edge_s[0] + edge_s[1]) + track->variation_j;
}

static void explain(const struct track *track, const char *failure, char *reason, size_t size)
{
    const char *name = track->channel->name;

    switch (track->fault) {
    case TRACK_ERROR:
        snprintf(reason, size, "%s: %s", name, failure ? failure : counter_error(track->error));
        break;
    case TRACK_RANGE:
        snprintf(reason, size, "%s: %.0f is above its range of %.0f", name, track->fault_value,
                 (double)track->channel->wrap);
        break;
    case TRACK_BACK:
        snprintf(reason, size, "%s: went back, to %.0f", name, track->fault_value);
        break;
    case TRACK_LATE:
        snprintf(reason, size, "%s: not read for %.3g s, and in %.3g s it may wrap unseen", name,
                 track->fault_value, seconds(track->deadline_ns));
        break;
    case TRACK_JUMP:
        if (track->channel->power)
            snprintf(reason, size, "%s: %.4g W is more than the %.4g W it can draw", name,
                     track->fault_value, track->max_w);
        else
            snprintf(reason, size, "%s: a jump of %.4g J in %.3g s is more than %.4g W give", name,
                     track->fault_value, track->fault_s, track->max_w);
        break;
    default:
        snprintf(reason, size, "%s: stood still for %.3g s", name, track->fault_value);
    }
}

void track_align(struct track *track, const struct track_update *begin,
                 const struct track_update *end)
{
    track->begin = *begin;
    track->end = *end;
}

void track_end(struct track *track, int64_t start_ns, int64_t time_ns, const char *failure,
               struct joules *joules, char *reason, size_t size)
{
    const struct energy_channel *channel = track->channel;
    const struct energy_sample *first = &track->first, *last = &track->last;
    double time_s = seconds(last->time_ns - first->time_ns), power_w;
    /* From the edge of a read that is far from the window to the window's. */
    double edge_s[2] = { seconds(start_ns - first->time_ns + first->spread_ns / 2),
                         seconds(last->time_ns + last->spread_ns / 2 - start_ns - time_ns) };

    if (!channel->power && track->counts == 0 && channel->period_p95_s > 0 &&
        time_s > STANDING_PERIODS * larger(channel->period_p95_s, channel->period_max_s))
        fail(track, TRACK_STANDING, time_s);
    if (track->fault != TRACK_OK) {
        *joules = (struct joules){ .value = NAN, .uncertainty = NAN, .bound = NAN };
        explain(track, failure, reason, size);
        joules->reason = reason;
        return;
    }
    *joules = (struct joules){ .wraps = track->wraps };
    joules->value = channel->power ? track->power_j : (double)track->counts * channel->lsb;
    power_w = time_s > 0 ? joules->value / time_s : 0;
    if (track->begin.known && track->end.known &&
        aligned_joules(track, start_ns, time_ns, edge_s, joules))
        power_w = joules->value / seconds(time_ns);
    else if (channel->power)
        power_uncertainty(track, power_w, edge_s, joules);
    else
        counter_uncertainty(track, larger(power_w, track->before_w), edge_s, joules);
    track->before_w = power_w;
}
