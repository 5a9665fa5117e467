/* SPDX-License-Identifier: MIT
 *
 * The twin of a real meter: says what a test wrote down for it, one reading for each start and
 * stop. Without a script it cannot be opened, which is a test's way to a meter that fails. */
#include "harness/meter.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "harness/store.h"

static const struct channel channels[] = { { "fake", "count", PROVENANCE_FIXTURE } };

static const struct reading *script;
static int script_count;
static int64_t cost_ns, now_ns;

struct fake {
    int starts;
};

void meter_fake_script(const struct reading *readings, int count)
{
    script = readings;
    script_count = count;
}

void meter_fake_cost(int64_t ns)
{
    cost_ns = ns;
}

int64_t meter_fake_now(void)
{
    return now_ns;
}

static int fake_open(void **state, const struct meter_context *context, struct why *why)
{
    (void)context;
    if (script_count == 0) {
        why_set(why, "absent", "fake", NULL, "the fake meter has no script");
        return -ENODEV;
    }
    *state = calloc(1, sizeof(struct fake));
    if (*state)
        return 0;
    return -ENOMEM;
}

static void fake_start(void *state, const char *region)
{
    struct fake *fake = state;

    (void)region;
    fake->starts++;
    now_ns += cost_ns;
}

static void fake_stop(void *state, struct reading *readings)
{
    const struct fake *fake = state;

    now_ns += cost_ns;
    if (fake->starts >= 1 && fake->starts <= script_count)
        readings[0] = script[fake->starts - 1];
    else
        readings[0] = (struct reading){ .value = NAN, .reason = "the script is at its end" };
}

const struct meter meter_fake = {
    .name = "fake",
    .what = "readings scripted by a test",
    .channels = channels,
    .channel_count = 1,
    .open = fake_open,
    .start = fake_start,
    .stop = fake_stop,
    .close = free,
};
