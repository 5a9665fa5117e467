/* SPDX-License-Identifier: MIT */
#include "harness/energy/align.h"

#include <math.h>

/* An update that was seen within so small a part of a period is near enough; so is a window's end
 * where runs are that short. */
enum { FINE = 8, COARSE = 4 };

static int64_t ns(double seconds)
{
    return (int64_t)(1e9 * seconds);
}

/* A sample's value was taken between these. */
static int64_t first_of(const struct energy_sample *sample)
{
    return sample->time_ns - sample->spread_ns / 2;
}

static int64_t last_of(const struct energy_sample *sample)
{
    return sample->time_ns + sample->spread_ns / 2;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

bool align_may(const struct energy_channel *channel, const struct energy_rules *rules)
{
    return !channel->power && channel->period_s > 0 && channel->period_p95_s <= rules->align_s;
}

void align_open(struct align *align, struct guard *guard, int source,
                const struct energy_channel *channel)
{
    *align = (struct align){ .guard = guard,
                             .source = source,
                             .channel = channel,
                             .limit_ns = ns(2 * channel->period_p95_s) + 1000000 };
}

/* The update that `new` shows, and `old` does not: no older than a period; two, where one was left
 * out. */
static struct track_update update_between(const struct energy_channel *channel,
                                          const struct energy_sample *old,
                                          const struct energy_sample *new)
{
    const int64_t usual_ns = first_of(new) - ns(channel->period_p95_s);
    const int64_t rare_ns = first_of(new) - ns(fmax(channel->period_max_s, 2 * channel->period_s));

    return (struct track_update){ .known = true,
                                  .from_ns = later(first_of(old), usual_ns),
                                  .to_ns = last_of(new),
                                  .earliest_ns = later(first_of(old), rare_ns),
                                  .next_j = NAN };
}

/* Looks until the source shows another value than old: old and new are then the looks around its
 * update. */
static bool next_update(const struct align *align, int64_t deadline_ns, struct energy_sample *old,
                        struct energy_sample *new)
{
    do {
        guard_look(align->guard, align->source, new);
        if (new->error)
            return false;
        if (new->raw != old->raw)
            return true;
        *old = *new;
    } while (clock_ns() < deadline_ns);
    return false;
}

/* A thread that was off its CPU meanwhile looks once more. */
void align_wait(struct align *align)
{
    const int64_t deadline_ns = clock_ns() + align->limit_ns;
    const int64_t fine_ns = ns(align->channel->period_s) / FINE;

    align->looked = align->seen = false;
    align->begin.known = false;
    guard_look(align->guard, align->source, &align->old);
    align->new = align->old;
    if (align->old.error)
        return;
    while (next_update(align, deadline_ns, &align->old, &align->new)) {
        align->begin = update_between(align->channel, &align->old, &align->new);
        if (align->begin.to_ns - align->begin.from_ns <= fine_ns ||
            align->new.time_ns >= deadline_ns)
            return;
        align->old = align->new;
    }
    if (align->new.error)
        align->begin.known = false;
}

void align_begin(struct align *align, const struct energy_sample *sample)
{
    if (align->begin.known && !sample->error && sample->raw != align->new.raw)
        align->begin = update_between(align->channel, &align->new, sample);
}

bool align_updated(struct align *align, int64_t run_ns)
{
    struct energy_sample look;

    if (!align->begin.known || run_ns > ns(align->channel->period_s) / COARSE)
        return true;
    guard_look(align->guard, align->source, &look);
    if (!align->looked)
        align->since_ns = look.time_ns;
    align->old = align->looked ? align->new : look;
    align->new = look;
    align->looked = true;
    align->seen = !look.error && !align->old.error && look.raw != align->old.raw;
    return align->seen || look.error || look.time_ns - align->since_ns > align->limit_ns;
}

static double joules_between(const struct align *align, const struct energy_sample *a,
                             const struct energy_sample *b)
{
    return (double)track_counts(align->channel, a->raw, b->raw) * align->channel->lsb;
}

/* The update before the next one: a period earlier. One that came late says nothing: the update
 * was at most a period before the sample, as of any. One that did not come: not known. */
static struct track_update before_next(const struct align *align,
                                       const struct energy_sample *sample)
{
    const struct energy_channel *channel = align->channel;
    const int64_t shortest_ns = ns(channel->period_p05_s), longest_ns = ns(channel->period_p95_s);
    struct energy_sample old = *sample, next;
    struct track_update end = { .from_ns = first_of(sample) - longest_ns,
                                .to_ns = last_of(sample) };

    end.known = next_update(align, clock_ns() + align->limit_ns, &old, &next);
    if (!end.known)
        return end;
    end.next_j = joules_between(align, sample, &next);
    if (first_of(&old) - longest_ns < end.to_ns) {
        end.from_ns = first_of(&old) - longest_ns;
        end.to_ns = earlier(end.to_ns, last_of(&next) - shortest_ns);
    }
    end.earliest_ns = end.from_ns;
    return end;
}

void align_end(struct align *align, const struct energy_sample *sample)
{
    struct track_update end;

    if (!align->begin.known || sample->error)
        return;
    if (align->seen && sample->raw == align->new.raw)
        end = update_between(align->channel, &align->old, &align->new);
    else if (align->seen)
        end = update_between(align->channel, &align->new, sample);
    else
        end = before_next(align, sample);
    guard_align(align->guard, align->source, &align->begin, &end);
}
