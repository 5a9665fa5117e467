/* SPDX-License-Identifier: MIT */
#include "harness/sysfs.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "e": a descriptor does not leak into what a run starts. */
static int open_below(FILE **file, const char *sysroot, const char *path)
{
    char full[PATH_MAX];
    int n = snprintf(full, sizeof full, "%s%s", sysroot, path);

    if (n < 0 || (size_t)n >= sizeof full)
        return -ENAMETOOLONG;
    *file = fopen(full, "re");
    return *file ? 0 : -errno;
}

int sysfs_text(const char *sysroot, const char *path, char *text, size_t size)
{
    FILE *file;
    size_t used;
    int error;

    if (size == 0)
        return -EMSGSIZE;
    text[0] = '\0';
    error = open_below(&file, sysroot, path);
    if (error)
        return error;
    errno = 0;
    used = fread(text, 1, size, file);
    if (ferror(file)) /* a directory opens, but cannot be read */
        error = errno ? -errno : -EIO;
    else if (used == size && text[used - 1] == '\n' && fgetc(file) == EOF)
        used--; /* the final newline is what did not fit */
    else if (used == size)
        error = -EMSGSIZE;
    fclose(file);
    if (error) {
        text[0] = '\0';
        return error;
    }
    if (used > 0 && text[used - 1] == '\n')
        used--;
    text[used] = '\0';
    return 0;
}

static int parse_int64(const char *text, const char **end, int64_t *value)
{
    char *stop;
    long long parsed;

    if (!isdigit((unsigned char)text[0]) && text[0] != '-')
        return -EBADMSG; /* strtoll would skip white space and take a '+' */
    errno = 0;
    parsed = strtoll(text, &stop, 10);
    if (stop == text || errno)
        return -EBADMSG;
    *end = stop;
    *value = parsed;
    return 0;
}

int sysfs_int64(const char *sysroot, const char *path, int64_t *value)
{
    char text[64];
    const char *end;
    int64_t parsed;
    int error = sysfs_text(sysroot, path, text, sizeof text);

    if (error)
        return error == -EMSGSIZE ? -EBADMSG : error;
    error = parse_int64(text, &end, &parsed);
    if (error || *end)
        return -EBADMSG;
    *value = parsed;
    return 0;
}

/* What follows `key` and its separator in line, or NULL. /proc/cpuinfo has "cpu family\t: 6": the
 * tab belongs to the separator, the space to the key. */
static const char *behind_key(const char *line, const char *key)
{
    size_t length = strlen(key);
    const char *text = line + length;

    if (strncmp(line, key, length) != 0)
        return NULL;
    text += strspn(text, " \t");
    if (*text == ':' || *text == '=')
        text++;
    else if (text == line + length)
        return NULL; /* only a prefix of a longer key */
    return text + strspn(text, " \t");
}

static int copy_value(const char *from, char *text, size_t size)
{
    size_t length = strlen(from);

    while (length > 0 && isspace((unsigned char)from[length - 1]))
        length--;
    if (length >= 2 && from[0] == '"' && from[length - 1] == '"') {
        from++;
        length -= 2;
    }
    if (length >= size)
        return -EMSGSIZE;
    memcpy(text, from, length);
    text[length] = '\0';
    return 0;
}

int sysfs_field_text(const char *sysroot, const char *path, const char *key, char *text,
                     size_t size)
{
    FILE *file;
    char *line = NULL;
    size_t room = 0;
    int error = open_below(&file, sysroot, path);

    if (error)
        return error;
    error = -ENOENT;
    while (getline(&line, &room, file) > 0) {
        const char *value = behind_key(line, key);

        if (value) {
            error = copy_value(value, text, size);
            break;
        }
    }
    free(line);
    fclose(file);
    return error;
}

int sysfs_field(const char *sysroot, const char *path, const char *key, int64_t *value)
{
    char text[256];
    const char *end;
    int64_t parsed;
    int error = sysfs_field_text(sysroot, path, key, text, sizeof text);

    if (error)
        return error == -EMSGSIZE ? -EBADMSG : error;
    error = parse_int64(text, &end, &parsed);
    if (error || (*end && !isspace((unsigned char)*end))) /* a unit may follow */
        return -EBADMSG;
    *value = parsed;
    return 0;
}

int sysfs_cgroup(const char *sysroot, const char *file, char *path, size_t size)
{
    char group[256];
    const int error = sysfs_field_text(sysroot, "/proc/self/cgroup", "0:", group, sizeof group);
    int n;

    if (error || group[0] != '/')
        return error ? error : -ENOENT;
    n = snprintf(path, size, "/sys/fs/cgroup%s/%s", group[1] ? group : "", file);
    return n > 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int sysfs_list(const char *sysroot, const char *path, char (*names)[SYSFS_NAME_MAX], int max)
{
    char full[PATH_MAX];
    struct dirent **entries;
    int n = snprintf(full, sizeof full, "%s%s", sysroot, path), count, error = 0;

    if (n < 0 || (size_t)n >= sizeof full)
        return -ENAMETOOLONG;
    count = scandir(full, &entries, is_visible, versionsort);
    if (count < 0)
        return -errno;
    for (int i = 0; i < count; i++) {
        const size_t length = strlen(entries[i]->d_name);

        if (i < max && length < SYSFS_NAME_MAX)
            memcpy(names[i], entries[i]->d_name, length + 1);
        else
            error = -E2BIG;
        free(entries[i]);
    }
    free(entries);
    return error ? error : count;
}
