/* SPDX-License-Identifier: MIT
 *
 * /sys/class/hwmon: sensors of boards. Which chip is worth what is a table: a graphics card's
 * sensor is no board's. Documentation: Documentation/hwmon/sysfs-interface.rst, ina3221.rst. */
#include "harness/energy/routes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "harness/counter.h"
#include "harness/sysfs.h"

#define CLASS "/sys/class/hwmon"

enum { CHIPS_MAX = 256, SENSORS_MAX = 32 };

static const char fix_denied[] = "run as root, or let a group read the file by a udev rule";

/* Chips that measure the board or its CPU, by the beginning of their names. All others (graphics
 * cards, disks, network cards) are shown and never taken for the machine. */
static const char *const boards[] = { "ina2",   "ina3",  "power_meter", "amd_energy", "zenergy",
                                      "macsmc", "xgene", "altra",       "scmi" };
enum { BOARDS = sizeof boards / sizeof boards[0] };

struct sensor {
    int fd[2]; /* the second: of a pair of voltage and current; -1 */
};

struct hwmon {
    int count;
    struct sensor sensor[ENERGY_CHANNELS_MAX];
};

/* What the walk over chips and files carries. */
struct walk {
    const struct meter_context *context;
    struct hwmon *hwmon;
    struct energy_channel *channels;
    int max;
    char directory[64], chip[48];
};

static bool is_board(const char *chip)
{
    for (int b = 0; b < BOARDS; b++)
        if (strncmp(chip, boards[b], strlen(boards[b])) == 0)
            return true;
    return false;
}

/* amd_energy and its kin count sockets (Esocket0) and cores (Ecore000). */
static enum energy_role role_of(const struct walk *walk, const char *label)
{
    if (!is_board(walk->chip) || strncmp(label, "Ecore", 5) == 0)
        return ENERGY_PART;
    return strncmp(label, "Esocket", 7) == 0 ? ENERGY_PACKAGE : ENERGY_BOARD;
}

static int open_file(const struct walk *walk, const char *file, char *path, size_t size, int *fd)
{
    uint64_t value;

    snprintf(path, size, "%s/%s", walk->directory, file);
    *fd = counter_open(walk->context->sysroot, path);
    return *fd < 0 ? *fd : counter_read(*fd, &value);
}

/* A sensor of one file, or of a pair whose product counts. -ENOENT: there is none. */
static int add_sensor(struct walk *walk, const char *const files[2], const char *label, bool power)
{
    struct energy_channel *channel = &walk->channels[walk->hwmon->count];
    struct sensor sensor = { .fd = { -1, -1 } };
    char path[160];
    int error = open_file(walk, files[0], path, sizeof path, &sensor.fd[0]);

    if (error == -ENOENT)
        return error;
    if (walk->hwmon->count == walk->max) {
        close(sensor.fd[0]);
        return -E2BIG;
    }
    *channel = (struct energy_channel){ .role = role_of(walk, label),
                                        .parent = -1,
                                        .power = power,
                                        .lsb = 1e-6,
                                        .provenance = routes_provenance(walk->context),
                                        .why = { .status = "ok" } };
    snprintf(channel->source, sizeof channel->source, "%s", path);
    snprintf(channel->name, sizeof channel->name, "%s:%s", walk->chip, label);
    if (!error && files[1])
        error = open_file(walk, files[1], path, sizeof path, &sensor.fd[1]);
    if (error) {
        const char *status = why_status(error);

        why_set(&channel->why, status, path, strcmp(status, "denied") ? NULL : fix_denied, "%s: %s",
                path, counter_error(error));
    }
    walk->hwmon->sensor[walk->hwmon->count++] = sensor;
    return 0;
}

/* The sensor's own name, or `kind` and its number. */
static void label_of(const struct walk *walk, const char *kind, int number, const char *suffix,
                     char *label, size_t size)
{
    char path[160];

    snprintf(path, sizeof path, "%s/%s%d_%s", walk->directory, kind, number, suffix);
    if (sysfs_text(walk->context->sysroot, path, label, size) || !label[0])
        snprintf(label, size, "%s%d", kind, number);
}

/* The driver's own word about how often it updates, ms: kept where no update was seen. */
static void set_period(const struct walk *walk, const char *file)
{
    struct energy_channel *channel = &walk->channels[walk->hwmon->count - 1];
    char path[160];
    int64_t ms;

    snprintf(path, sizeof path, "%s/%s", walk->directory, file);
    if (!sysfs_int64(walk->context->sysroot, path, &ms) && ms > 0)
        channel->period_s = channel->period_p95_s = channel->period_max_s = 1e-3 * (double)ms;
}

static int add_energy(struct walk *walk, int number)
{
    char file[32], label[40];

    snprintf(file, sizeof file, "energy%d_input", number);
    label_of(walk, "energy", number, "label", label, sizeof label);
    if (strncmp(label, "Ecore", 5) == 0)
        return 0; /* a channel for each core: more than anybody asked for */
    return add_sensor(walk, (const char *[2]){ file }, label, false);
}

static int add_power(struct walk *walk, int number)
{
    char file[32], interval[48], label[40];
    int error;

    label_of(walk, "power", number, "label", label, sizeof label);
    if (strncmp(label, "power", 5) == 0) /* the ACPI meter names its rail elsewhere */
        label_of(walk, "power", number, "oem_info", label, sizeof label);
    snprintf(file, sizeof file, "power%d_input", number);
    error = add_sensor(walk, (const char *[2]){ file }, label, true);
    if (!error)
        set_period(walk, "update_interval");
    if (error != -ENOENT)
        return error;
    snprintf(file, sizeof file, "power%d_average", number);
    error = add_sensor(walk, (const char *[2]){ file }, label, true);
    snprintf(interval, sizeof interval, "power%d_average_interval", number);
    if (!error)
        set_period(walk, interval);
    return error;
}

/* An INA3221 has voltages (mV) and currents (mA): their product is uW. Beyond the third its inputs
 * are shunt voltages and sums. */
static int add_pair(struct walk *walk, int number)
{
    char voltage[32], current[32], label[40];
    int error;

    if (strcmp(walk->chip, "ina3221") != 0 || number > 3)
        return -ENOENT;
    snprintf(voltage, sizeof voltage, "in%d_input", number);
    snprintf(current, sizeof current, "curr%d_input", number);
    label_of(walk, "in", number, "label", label, sizeof label);
    error = add_sensor(walk, (const char *[2]){ voltage, current }, label, true);
    if (!error)
        set_period(walk, "update_interval");
    return error;
}

static int add_chip(struct walk *walk, const char *entry)
{
    char path[160];
    int error = 0;

    snprintf(walk->directory, sizeof walk->directory, CLASS "/%s", entry);
    snprintf(path, sizeof path, "%s/name", walk->directory);
    if (sysfs_text(walk->context->sysroot, path, walk->chip, sizeof walk->chip))
        return 0; /* gone, or hidden: no sensor to speak of */
    for (int n = 1; n <= SENSORS_MAX && error != -E2BIG; n++) {
        static int (*const add[])(struct walk *, int) = { add_energy, add_power, add_pair };

        for (int a = 0; a < 3 && error != -E2BIG; a++)
            error = add[a](walk, n);
    }
    return error == -E2BIG ? error : 0;
}

static void hwmon_close(void *state)
{
    struct hwmon *hwmon = state;

    for (int s = 0; s < hwmon->count; s++)
        for (int f = 0; f < 2; f++)
            if (hwmon->sensor[s].fd[f] >= 0)
                close(hwmon->sensor[s].fd[f]);
    free(hwmon);
}

static int hwmon_open(void **state, const struct meter_context *context,
                      struct energy_channel *channels, int max, struct why *why)
{
    char(*chips)[SYSFS_NAME_MAX] = calloc(CHIPS_MAX, sizeof *chips);
    struct walk walk = { .context = context, .channels = channels, .max = max };
    int count, error = 0;

    walk.hwmon = calloc(1, sizeof *walk.hwmon);
    if (!chips || !walk.hwmon) {
        free(chips);
        free(walk.hwmon);
        return -ENOMEM;
    }
    count = sysfs_list(context->sysroot, CLASS, chips, CHIPS_MAX);
    for (int c = 0; c < count && !error; c++)
        error = add_chip(&walk, chips[c]);
    free(chips);
    if (count < 0)
        error = count;
    if (!error && walk.hwmon->count > 0) {
        *state = walk.hwmon;
        return walk.hwmon->count;
    }
    hwmon_close(walk.hwmon);
    if (error)
        why_set(why, why_status(error), CLASS, NULL, CLASS ": %s", strerror(-error));
    else
        why_set(why, "absent", CLASS, NULL, CLASS ": no sensor of energy or power in it");
    return error ? error : -ENODEV;
}

static void hwmon_read(void *state, int channel, struct energy_sample *sample)
{
    const struct sensor *sensor = &((const struct hwmon *)state)->sensor[channel];
    struct energy_sample other;

    routes_read_file(sensor->fd[0], sample);
    if (sensor->fd[1] < 0 || sample->error)
        return;
    routes_read_file(sensor->fd[1], &other);
    sample->error = other.error;
    sample->raw *= other.raw;
    sample->spread_ns =
        other.time_ns + other.spread_ns / 2 - sample->time_ns + sample->spread_ns / 2;
    sample->time_ns = other.time_ns + other.spread_ns / 2 - sample->spread_ns / 2;
}

const struct energy_route energy_hwmon = {
    .name = "hwmon",
    .what = "sensors of the board (/sys/class/hwmon)",
    .open = hwmon_open,
    .read = hwmon_read,
    .close = hwmon_close,
};
