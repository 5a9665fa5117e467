/* SPDX-License-Identifier: MIT */
#include "harness/meter.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "harness/sysfs.h"

static struct reading field_kib(const char *sysroot, const char *path, const char *key,
                                const char *reason)
{
    int64_t kib;

    if (sysfs_field(sysroot, path, key, &kib))
        return (struct reading){ .value = NAN, .reason = reason };
    return (struct reading){ .value = 1024.0 * (double)kib };
}

struct memory_state memory_read(const char *sysroot)
{
    return (struct memory_state){
        .rss_anon_bytes = field_kib(sysroot, "/proc/self/status", "RssAnon",
                                    "/proc/self/status has no RssAnon (Linux before 4.5?)"),
        .rss_peak_bytes =
            field_kib(sysroot, "/proc/self/status", "VmHWM", "/proc/self/status has no VmHWM"),
        .huge_bytes =
            field_kib(sysroot, "/proc/self/smaps_rollup", "AnonHugePages",
                      "/proc/self/smaps_rollup has no AnonHugePages (Linux before 4.14?)"),
    };
}

int memory_reset_peak(const char *sysroot)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/proc/self/clear_refs", sysroot);
    int fd, error = 0;

    if (n < 0 || (size_t)n >= sizeof path)
        return -ENAMETOOLONG;
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (write(fd, "5", 1) != 1)
        error = errno ? -errno : -EIO;
    close(fd);
    return error;
}

static FILE *open_self(const char *sysroot, const char *name)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/proc/self/%s", sysroot, name);

    return n > 0 && (size_t)n < sizeof path ? fopen(path, "re") : NULL;
}

struct reading memory_huge_share(const char *sysroot, const void *memory, size_t bytes)
{
    const uintptr_t from = (uintptr_t)memory, to = from + bytes;
    FILE *file = open_self(sysroot, "smaps");
    int64_t rss = 0, huge = 0, kib;
    uintptr_t first, last;
    bool ours = false;
    char line[512];

    if (!file)
        return (struct reading){ .value = NAN, .reason = "/proc/self/smaps cannot be read" };
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &first, &last) == 2)
            ours = first < to && last > from;
        else if (ours && sscanf(line, "Rss: %" SCNd64 " kB", &kib) == 1)
            rss += kib;
        else if (ours && sscanf(line, "AnonHugePages: %" SCNd64 " kB", &kib) == 1)
            huge += kib;
    }
    fclose(file);
    if (rss <= 0)
        return (struct reading){ .value = NAN, .reason = "/proc/self/smaps: nothing is resident" };
    return (struct reading){ .value = (double)huge / (double)rss };
}

/* ---- the cgroup's limit ---- */

/* Where the memory controller of one hierarchy is mounted, and what it calls things. */
struct hierarchy {
    char mount[PATH_MAX]; /* e.g. "/sys/fs/cgroup/memory" */
    char group[PATH_MAX]; /* below mount: "" or "/a/b" */
    bool v2;
};

static bool has_word(const char *list, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = list; (at = strstr(at, word)); at += length)
        if ((at == list || at[-1] == ',') && (at[length] == ',' || at[length] == '\0'))
            return true;
    return false;
}

/* A line of mountinfo: "36 35 0:30 ROOT MOUNT opts [tags] - TYPE source SUPER". */
static bool mount_line(char *line, const struct hierarchy *h, char *root, char *mount)
{
    char type[64], super[512];
    char *tail = strstr(line, " - ");

    if (!tail || sscanf(line, "%*s %*s %*s %4095s %4095s", root, mount) != 2 ||
        sscanf(tail, " - %63s %*s %511s", type, super) != 2)
        return false;
    if (h->v2)
        return strcmp(type, "cgroup2") == 0;
    return strcmp(type, "cgroup") == 0 && has_word(super, "memory");
}

/* The path in /proc/self/cgroup counts from the hierarchy's root, the mount shows it from `root`
 * on: in a container that sees only itself both are "/docker/<id>". */
static bool find_mount(const char *sysroot, struct hierarchy *h)
{
    char root[4096], *line = NULL;
    size_t room = 0;
    bool found = false;
    FILE *file = open_self(sysroot, "mountinfo");

    if (!file)
        return false;
    while (!found && getline(&line, &room, file) > 0)
        found = mount_line(line, h, root, h->mount);
    free(line);
    fclose(file);
    if (found && strcmp(root, "/") != 0) {
        size_t length = strlen(root);

        if (strncmp(h->group, root, length) == 0)
            memmove(h->group, h->group + length, strlen(h->group + length) + 1);
        else
            h->group[0] = '\0';
    }
    return found;
}

/* This process's group in the hierarchy of version `v2`. */
static bool find_group(const char *sysroot, struct hierarchy *h)
{
    char *line = NULL;
    size_t room = 0;
    bool found = false;
    FILE *file = open_self(sysroot, "cgroup");

    if (!file)
        return false;
    while (!found && getline(&line, &room, file) > 0) { /* "4:memory:/a" or "0::/a" */
        char *controllers = strchr(line, ':');
        char *group = controllers ? strchr(controllers + 1, ':') : NULL;

        if (!group)
            continue;
        *group++ = '\0';
        group[strcspn(group, "\n")] = '\0';
        found = h->v2 ? controllers[1] == '\0' : has_word(controllers + 1, "memory");
        if (found)
            snprintf(h->group, sizeof h->group, "%s", strcmp(group, "/") == 0 ? "" : group);
    }
    free(line);
    fclose(file);
    return found;
}

static int read_in_group(const char *sysroot, const struct hierarchy *h, const char *file,
                         int64_t *value)
{
    char path[2 * PATH_MAX + 64];

    snprintf(path, sizeof path, "%s%s/%s", h->mount, h->group, file);
    return sysfs_int64(sysroot, path, value);
}

/* What group h may still take, or INT64_MAX where nothing limits it ("max" is no integer). */
static int64_t group_room(const char *sysroot, const struct hierarchy *h)
{
    /* v1's soft limit bites only when the machine is short of memory; v2's high always does. */
    static const char *const limits[2][2] = { { "memory.limit_in_bytes", NULL },
                                              { "memory.max", "memory.high" } };
    char path[2 * PATH_MAX + 64];
    int64_t limit = INT64_MAX, used, cache = 0, value;

    for (int i = 0; i < 2 && limits[h->v2][i]; i++)
        if (read_in_group(sysroot, h, limits[h->v2][i], &value) == 0 && value < limit)
            limit = value;
    if (limit == INT64_MAX)
        return INT64_MAX;
    if (read_in_group(sysroot, h, h->v2 ? "memory.current" : "memory.usage_in_bytes", &used))
        used = 0;
    snprintf(path, sizeof path, "%s%s/memory.stat", h->mount, h->group);
    if (sysfs_field(sysroot, path, h->v2 ? "inactive_file" : "total_inactive_file", &cache) ||
        cache > used)
        cache = 0;
    used -= cache;
    return limit > used ? limit - used : 0;
}

static int64_t hierarchy_room(const char *sysroot, bool v2)
{
    struct hierarchy h = { .v2 = v2 };
    int64_t least = INT64_MAX;

    if (!find_group(sysroot, &h) || !find_mount(sysroot, &h))
        return least;
    for (;;) { /* this group and each above it */
        int64_t room = group_room(sysroot, &h);
        char *slash = strrchr(h.group, '/');

        if (room < least)
            least = room;
        if (!slash)
            return least;
        *slash = '\0';
    }
}

struct reading memory_available(const char *sysroot)
{
    struct reading available = field_kib(sysroot, "/proc/meminfo", "MemAvailable",
                                         "/proc/meminfo has no MemAvailable (Linux before 3.14?)");

    for (int v2 = 0; v2 <= 1 && !available.reason; v2++)
        available.value = fmin(available.value, (double)hierarchy_room(sysroot, v2));
    return available;
}
