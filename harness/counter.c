/* SPDX-License-Identifier: MIT */
#include "harness/counter.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int counter_open(const char *sysroot, const char *path)
{
    char full[PATH_MAX];
    int n = snprintf(full, sizeof full, "%s%s", sysroot, path), fd;

    if (n < 0 || (size_t)n >= sizeof full)
        return -ENAMETOOLONG;
    fd = open(full, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int counter_parse(const char *text, size_t length, uint64_t *value)
{
    uint64_t parsed = 0;
    size_t i = 0;

    if (length == 0)
        return -ENODATA;
    for (; i < length && text[i] >= '0' && text[i] <= '9'; i++) {
        uint64_t digit = (uint64_t)(text[i] - '0');

        if (parsed > (UINT64_MAX - digit) / 10)
            return -ERANGE;
        parsed = 10 * parsed + digit;
    }
    if (i == 0)
        return text[0] == '\n' ? -ENODATA : -EBADMSG;
    for (; i < length; i++)
        if (text[i] != '\n')
            return -EBADMSG;
    *value = parsed;
    return 0;
}

int counter_read(int fd, uint64_t *value)
{
    char text[64];
    struct stat file;
    ssize_t length = pread(fd, text, sizeof text, 0);

    if (length < 0)
        return -errno;
    if (length == (ssize_t)sizeof text)
        return -EBADMSG;
    /* sysfs says so itself; a file of any other kind lives on while it is open. */
    if (fstat(fd, &file) == 0 && file.st_nlink == 0)
        return -ENODEV;
    return counter_parse(text, (size_t)length, value);
}

const char *counter_error(int error)
{
    switch (error) {
    case -ENODATA:
        return "the file is empty";
    case -EBADMSG:
        return "the file's text is not a number";
    case -ERANGE:
        return "the number is beyond its range";
    case -ENODEV:
        return "it is no longer there";
    default:
        return strerror(-error);
    }
}
