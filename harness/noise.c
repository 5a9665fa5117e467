/* SPDX-License-Identifier: MIT */
#include "harness/noise.h"

#include <math.h>
#include <stdio.h>

const char *const noise_channels[NOISE_INPUTS] = {
    [NOISE_STEAL_TICKS] = "steal_ticks",
    [NOISE_BUSY_TICKS] = "busy_ticks",
    [NOISE_OTHERS_CPU_US] = "others_cpu_us",
    [NOISE_PRESSURE_CPU_US] = "pressure_cpu_us",
    [NOISE_PRESSURE_MEMORY_US] = "pressure_memory_us",
    [NOISE_THROTTLE_CORE] = "throttle_core_count",
    [NOISE_THROTTLE_PACKAGE] = "throttle_package_count",
    [NOISE_THROTTLE_QUOTA_US] = "throttle_quota_us",
    [NOISE_FREQUENCY_KHZ] = "frequency_max_khz",
    [NOISE_FAULTS_MAJOR] = "page_faults_major",
};

/* A tick of /proc/stat: USER_HZ is 100 wherever this program runs. */
static const double TICK_US = 1e4;

/* Meters are read a little before and after the time that is the sample's. */
static double share_of_time(const struct noise_sample *s, enum noise_input input)
{
    const double share = s->input[input] / (1e-3 * s->time_ns);

    return share > 1 ? 1 : share;
}

static double steal(const struct noise_sample *s)
{
    const double all = s->input[NOISE_STEAL_TICKS] + s->input[NOISE_BUSY_TICKS];

    return all == 0 ? 0 : s->input[NOISE_STEAL_TICKS] / all;
}

/* Ticks come whole, one more or less at each edge: what may be rounding is nobody's. Where next to
 * nothing is busy, the share is of one CPU. */
static double others(const struct noise_sample *s)
{
    const double took = s->input[NOISE_OTHERS_CPU_US] - 2 * TICK_US;
    const double of = fmax(s->input[NOISE_BUSY_TICKS] * TICK_US, 1e-3 * s->time_ns);

    return isnan(took) ? NAN : fmax(took, 0) / of;
}

static double pressure_cpu(const struct noise_sample *s)
{
    return share_of_time(s, NOISE_PRESSURE_CPU_US);
}

static double pressure_memory(const struct noise_sample *s)
{
    return share_of_time(s, NOISE_PRESSURE_MEMORY_US);
}

/* Either alone tells. */
static double throttle(const struct noise_sample *s)
{
    const double core = s->input[NOISE_THROTTLE_CORE], package = s->input[NOISE_THROTTLE_PACKAGE];

    return isnan(core) ? package : isnan(package) ? core : core + package;
}

static double quota(const struct noise_sample *s)
{
    return share_of_time(s, NOISE_THROTTLE_QUOTA_US);
}

static double frequency(const struct noise_sample *s)
{
    return 1 - s->input[NOISE_FREQUENCY_KHZ] / s->median_khz;
}

static double faults(const struct noise_sample *s)
{
    return s->input[NOISE_FAULTS_MAJOR];
}

const struct noise_kind noise_kinds[NOISE_KINDS] = {
    { "steal", 0, steal, "the hypervisor took", "of the CPU time (steal)", true,
      "a dedicated instance or the host itself, or more repetitions" },
    { "others", 0.02, others, "other processes took at least", "of the CPU time", true,
      "stop them, or keep them off CPUs that --pin names" },
    { "pressure-cpu", 0.01, pressure_cpu, "some task waited for a CPU", "of the time", true,
      "stop what else runs; fewer threads (-t) than CPUs" },
    { "pressure-memory", 0.01, pressure_memory, "some task waited for memory", "of the time", true,
      "free memory, or give a smaller --mem" },
    { "throttle", 0, throttle, "a core or package was too hot and throttled itself", "times", false,
      "better cooling, a lower power limit, or fewer threads" },
    { "quota", 0, quota, "the cgroup's CPU quota was used up", "of the time", true,
      "raise the container's CPU limit" },
    { "frequency", 0.1, frequency, "the frequency was", "below the cell's median", true,
      "cpupower frequency-set -g performance; look at cooling and power limits" },
    { "major-faults", 0, faults, "pages came from the disk", "times", false,
      "free memory: this process was paged out" },
};

unsigned noise_judge(const struct noise_sample *s, unsigned *known, double *amount)
{
    unsigned flags = 0;

    *known = 0;
    for (int k = 0; k < NOISE_KINDS; k++) {
        amount[k] = noise_kinds[k].amount(s);
        if (isnan(amount[k]))
            continue;
        *known |= 1u << k;
        if (amount[k] > noise_kinds[k].limit)
            flags |= 1u << k;
    }
    return flags;
}

void noise_words(int kind, int flagged, int samples, double amount, char *text, size_t size)
{
    const struct noise_kind *k = &noise_kinds[kind];

    snprintf(text, size, "%d of %d samples: %s %.3g%s %s (median of these): %s", flagged, samples,
             k->before, k->share ? 100 * amount : amount, k->share ? "%" : "", k->after, k->remedy);
}
