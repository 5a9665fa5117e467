/* SPDX-License-Identifier: MIT */
#include "tests/energy_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define POWERCAP "/sys/class/powercap"
#define PMU      "/sys/bus/event_source/devices/power"
#define INTEL    "262143328850"
#define DRAM     "65712999613"
#define AMD      "65532610987"

const char *const energy_fixture_kinds[] = { "client",    "server",  "server-psys-first",
                                             "multi-die", "zen",     "spr",
                                             "arm",       "scmi",    "missing-range",
                                             "empty",     "garbage", "above-range",
                                             "directory", "denied",  "masked",
                                             "none",      NULL };

static int make_directories(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0755) && errno != EEXIST)
            return -errno;
        *slash = '/';
    }
    return 0;
}

int energy_fixture_write(const char *root, const char *path, const char *text)
{
    char full[PATH_MAX];
    int n = snprintf(full, sizeof full, "%s%s", root, path), error;
    FILE *file;

    if (n < 0 || n >= (int)sizeof full)
        return -ENAMETOOLONG;
    error = make_directories(full);
    if (error)
        return error;
    file = fopen(full, "we");
    if (!file)
        return -errno;
    if (fputs(text, file) < 0)
        error = -EIO;
    if (fclose(file))
        error = -errno;
    return error;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    (void)status;
    (void)type;
    (void)ftw;
    return remove(path);
}

int energy_fixture_remove(const char *root)
{
    return nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS) ? -errno : 0;
}

int energy_fixture_root(char *root, int size)
{
    const char *base = getenv("TMPDIR");
    int n = snprintf(root, (size_t)size, "%s/energy-XXXXXX", base ? base : "/tmp");

    if (n < 0 || n >= size)
        return -ENAMETOOLONG;
    if (!mkdtemp(root))
        return -errno;
    return chmod(root, 0755) ? -errno : 0;
}

/* ---- files as rows ---- */

struct file {
    const char *path, *text;
};

static int write_files(const char *root, const char *below, const struct file *files, int count)
{
    int error = 0;

    for (int f = 0; f < count && !error; f++) {
        char path[PATH_MAX];

        snprintf(path, sizeof path, "%s/%s", below, files[f].path);
        error = energy_fixture_write(root, path, files[f].text);
    }
    return error;
}

#define FILES(root, below, files)                                                                  \
    write_files(root, below, files, (int)(sizeof(files) / sizeof((files)[0])))

/* A zone; range NULL: no such file. The value is padded, so that a longer one can be written in
 * place. */
static int zone(const char *root, const char *directory, const char *name, const char *range,
                const char *value)
{
    char below[128], name_line[64], range_line[64], padded[64];
    const struct file files[] = { { "name", name_line },
                                  { "enabled", "1\n" },
                                  { "energy_uj", padded },
                                  { "max_energy_range_uj", range_line } };

    snprintf(below, sizeof below, POWERCAP "/%s", directory);
    snprintf(name_line, sizeof name_line, "%s\n", name);
    snprintf(range_line, sizeof range_line, "%s\n", range ? range : "");
    snprintf(padded, sizeof padded, "%s\n\n\n\n\n\n\n", value);
    return write_files(root, below, files, range ? 4 : 3);
}

static int pmu(const char *root, const char *cpus, bool server)
{
    const char *scale = "2.3283064365386962890625e-10\n";
    const struct file common[] = {
        { "type", "22\n" },
        { "cpumask", cpus },
        { "format/event", "config:0-7\n" },
        { "events/energy-pkg", "event=0x02\n" },
        { "events/energy-pkg.scale", scale },
        { "events/energy-pkg.unit", "Joules\n" },
    };
    const struct file client[] = {
        { "events/energy-cores", "event=0x01\n" },  { "events/energy-cores.scale", scale },
        { "events/energy-cores.unit", "Joules\n" }, { "events/energy-psys", "event=0x05\n" },
        { "events/energy-psys.scale", scale },      { "events/energy-psys.unit", "Joules\n" },
    };
    const struct file dram[] = { { "events/energy-ram", "event=0x03\n" },
                                 { "events/energy-ram.scale", scale },
                                 { "events/energy-ram.unit", "Joules\n" } };
    int error = FILES(root, PMU, common);

    return error ? error : server ? FILES(root, PMU, dram) : FILES(root, PMU, client);
}

static int topology(const char *root, int cpu, const char *package, const char *die)
{
    char below[96];
    const struct file files[] = { { "physical_package_id", package }, { "die_id", die } };

    snprintf(below, sizeof below, "/sys/devices/system/cpu/cpu%d/topology", cpu);
    return FILES(root, below, files);
}

/* ---- machines ---- */

static int client(const char *root)
{
    return zone(root, "intel-rapl:0", "package-0", INTEL, "262143000000") ||
           zone(root, "intel-rapl:0:0", "core", INTEL, "91234567890") ||
           zone(root, "intel-rapl:0:1", "uncore", INTEL, "123456789") ||
           zone(root, "intel-rapl:1", "psys", INTEL, "200000000000") ||
           zone(root, "intel-rapl-mmio:0", "package-0", INTEL, "262143000000") ||
           pmu(root, "0\n", false) || topology(root, 0, "0\n", "0\n");
}

static int server(const char *root)
{
    return zone(root, "intel-rapl:0", "package-0", INTEL, "100000000000") ||
           zone(root, "intel-rapl:0:0", "dram", DRAM, "65712000000") ||
           zone(root, "intel-rapl:1", "package-1", INTEL, "100000000007") ||
           zone(root, "intel-rapl:1:0", "dram", DRAM, "65712000001") || pmu(root, "0,16\n", true) ||
           topology(root, 0, "0\n", "0\n") || topology(root, 16, "1\n", "0\n");
}

static int psys_first(const char *root, const char *psys_range)
{
    return zone(root, "intel-rapl:0", "psys", psys_range, "3000000") ||
           zone(root, "intel-rapl:1", "package-0", INTEL, "1000000") ||
           zone(root, "intel-rapl:1:0", "dram", DRAM, "2000000") ||
           zone(root, "intel-rapl:2", "package-1", INTEL, "4000000") ||
           zone(root, "intel-rapl:2:0", "dram", DRAM, "5000000");
}

static int multi_die(const char *root)
{
    return zone(root, "intel-rapl:0", "package-0-die-0", INTEL, "1") ||
           zone(root, "intel-rapl:0:0", "dram", DRAM, "3") ||
           zone(root, "intel-rapl:1", "package-0-die-1", INTEL, "2") ||
           zone(root, "intel-rapl:1:0", "dram", DRAM, "4") || pmu(root, "0-1\n", true) ||
           topology(root, 0, "0\n", "0\n") || topology(root, 1, "0\n", "1\n");
}

static int zen(const char *root)
{
    return zone(root, "intel-rapl:0", "package-0", AMD, "65532000000") ||
           zone(root, "intel-rapl:0:0", "core", AMD, "4321") ||
           energy_fixture_write(root, "/proc/cpuinfo",
                                "processor\t: 0\nvendor_id\t: AuthenticAMD\n");
}

static int arm(const char *root)
{
    static const struct file files[] = {
        { "hwmon0/name", "amdgpu\n" },
        { "hwmon0/power1_average", "31000000\n" },
        { "hwmon2/name", "ina3221\n" },
        { "hwmon2/in1_label", "VDD_IN\n" },
        { "hwmon2/in1_input", "5032\n" },
        { "hwmon2/curr1_input", "1216\n" },
        { "hwmon2/in2_label", "VDD_CPU\n" },
        { "hwmon2/in2_input", "5040\n" },
        { "hwmon2/curr2_input", "304\n" },
        { "hwmon2/in4_input", "12\n" }, /* a shunt voltage: no current beside it */
        { "hwmon2/update_interval", "2\n" },
        { "hwmon3/name", "altra_hwmon\n" },
        { "hwmon3/energy1_label", "SoC\n" },
        { "hwmon3/energy1_input", "123456789\n" },
        { "hwmon10/name", "power_meter\n" },
        { "hwmon10/power1_average", "245000000\n" },
        { "hwmon10/power1_average_interval", "50\n" },
        { "hwmon10/power1_oem_info", "Module Power Socket 0\n" },
    };

    return FILES(root, "/sys/class/hwmon", files);
}

static int scmi(const char *root)
{
    static const struct file files[] = { { "arm-scmi:0/name", "soc\n" },
                                         { "arm-scmi:0/power_uw", "21000000\n" },
                                         { "arm-scmi:0:0/name", "cluster0\n" },
                                         { "arm-scmi:0:0/power_uw", "9000000\n" } };

    return FILES(root, POWERCAP, files);
}

/* ---- broken ones ---- */

static int replace_by_directory(const char *root)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s" POWERCAP "/intel-rapl:0/energy_uj", root);
    return unlink(path) || mkdir(path, 0755) ? -errno : 0;
}

static int deny(const char *root)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s" POWERCAP "/intel-rapl:0/energy_uj", root);
    return chmod(path, 0400) ? -errno : 0;
}

static int masked(const char *root)
{
    char path[PATH_MAX];
    int error = energy_fixture_write(root, "/sys/devices/virtual/powercap/x", "");

    if (!error)
        error = energy_fixture_write(root, POWERCAP "/x", "");
    snprintf(path, sizeof path, "%s/sys/devices/virtual/powercap/x", root);
    if (!error && unlink(path))
        error = -errno;
    snprintf(path, sizeof path, "%s" POWERCAP "/x", root);
    return error ? error : unlink(path) ? -errno : 0;
}

static int broken(const char *root, const char *kind)
{
    const char *value = "1000000", *range = INTEL;
    int error;

    if (strcmp(kind, "missing-range") == 0)
        range = NULL;
    if (strcmp(kind, "garbage") == 0)
        value = "12x";
    if (strcmp(kind, "above-range") == 0)
        value = "262143328912";
    error = zone(root, "intel-rapl:0", "package-0", range, value);
    if (!error && strcmp(kind, "empty") == 0)
        error = energy_fixture_write(root, POWERCAP "/intel-rapl:0/energy_uj", "");
    if (!error && strcmp(kind, "directory") == 0)
        error = replace_by_directory(root);
    if (!error && strcmp(kind, "denied") == 0)
        error = deny(root);
    return error;
}

int energy_fixture_make(const char *root, const char *kind)
{
    static const struct {
        const char *kind;
        int (*make)(const char *root);
    } machines[] = { { "client", client },       { "server", server }, { "zen", zen },
                     { "multi-die", multi_die }, { "arm", arm },       { "scmi", scmi },
                     { "masked", masked } };
    int known = 0;

    for (int k = 0; energy_fixture_kinds[k]; k++)
        known |= strcmp(energy_fixture_kinds[k], kind) == 0;
    if (!known)
        return -EINVAL;
    for (size_t m = 0; m < sizeof machines / sizeof machines[0]; m++)
        if (strcmp(machines[m].kind, kind) == 0)
            return machines[m].make(root) ? -EIO : 0;
    if (strcmp(kind, "server-psys-first") == 0)
        return psys_first(root, INTEL) ? -EIO : 0;
    if (strcmp(kind, "spr") == 0)
        return psys_first(root, "4294967295000000") ? -EIO : 0;
    if (strcmp(kind, "none") == 0)
        return energy_fixture_write(root, "/proc/version", "Linux\n");
    return broken(root, kind);
}
