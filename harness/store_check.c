/* SPDX-License-Identifier: MIT */
#include "harness/store_check.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "harness/store.h"

/* Below this a run would die at its first samples: the log's index alone takes 32 KiB. */
enum { FREE_BYTES_MIN = 1 << 20 };

/* https://www.sqlite.org/fileformat.html, 1.3 */
enum { HEADER_BYTES = 100, HEADER_USER_VERSION = 60, HEADER_APPLICATION_ID = 68 };

struct refusal {
    char *why;
    size_t size;
};

__attribute__((format(printf, 3, 4))) static int refuse(const struct refusal *r, int error,
                                                        const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(r->why, r->size, format, arguments);
    va_end(arguments);
    return error;
}

static uint32_t big_endian32(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static int check_header(const char *path, const struct refusal *r)
{
    unsigned char header[HEADER_BYTES];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got;

    if (fd < 0)
        return refuse(r, -errno, "%s: cannot be read: %s", path, strerror(errno));
    got = pread(fd, header, sizeof header, 0);
    close(fd);
    if (got < 0)
        return refuse(r, -EIO, "%s: cannot be read: %s", path, strerror(errno));
    if (got < HEADER_BYTES || memcmp(header, "SQLite format 3", 16) != 0)
        return refuse(r, -EBADMSG, "%s: is not a results database: it is not SQLite", path);
    if (big_endian32(header + HEADER_APPLICATION_ID) != STORE_APPLICATION_ID)
        return refuse(r, -EBADMSG, "%s: is SQLite, but not a results database of tritbench", path);
    if (big_endian32(header + HEADER_USER_VERSION) != STORE_SCHEMA_VERSION)
        return refuse(r, -EPROTONOSUPPORT,
                      "%s: has schema version %u, this program writes version %d: choose another "
                      "file with --db",
                      path, (unsigned)big_endian32(header + HEADER_USER_VERSION),
                      STORE_SCHEMA_VERSION);
    return 0;
}

/* SQLite writes files beside the database, so its directory has to be writable too. */
static int check_directory(const char *path, const struct refusal *r)
{
    const char *slash = strrchr(path, '/');
    char directory[PATH_MAX] = ".";
    struct statvfs fs;
    struct stat st;

    if (slash) {
        size_t length = slash == path ? 1 : (size_t)(slash - path);

        if (length >= sizeof directory)
            return refuse(r, -ENAMETOOLONG, "%s: the path is too long", path);
        memcpy(directory, path, length);
        directory[length] = '\0';
    }
    if (stat(directory, &st))
        return refuse(r, -errno, "%s: its directory %s: %s", path, directory, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return refuse(r, -ENOTDIR, "%s: %s is not a directory", path, directory);
    if ((st.st_mode & 0222) == 0)
        return refuse(r, -EACCES, "%s: its directory %s is not writable (mode %04o)", path,
                      directory, (unsigned)(st.st_mode & 07777));
    if (access(directory, W_OK))
        return refuse(r, -errno, "%s: its directory %s is not writable: %s", path, directory,
                      strerror(errno));
    /* f_blocks is 0 where the file system does not know its size. */
    if (statvfs(directory, &fs) == 0 && fs.f_blocks > 0 &&
        (uint64_t)fs.f_bavail * fs.f_frsize < FREE_BYTES_MIN)
        return refuse(r, -ENOSPC, "%s: the disk is full: %llu KiB are free, 1024 are needed", path,
                      (unsigned long long)((uint64_t)fs.f_bavail * fs.f_frsize / 1024));
    return 0;
}

static int check_writable(const char *path, const struct stat *st, const struct refusal *r)
{
    /* Root may write anything; whoever took the write bits away meant it all the same. */
    if ((st->st_mode & 0222) == 0)
        return refuse(r, -EACCES, "%s: is not writable (mode %04o)", path,
                      (unsigned)(st->st_mode & 07777));
    if (access(path, W_OK))
        return refuse(r, -errno, "%s: is not writable: %s", path, strerror(errno));
    return 0;
}

int store_check(const char *path, bool writing, bool *fresh, char *why, size_t why_size)
{
    const struct refusal r = { why, why_size };
    struct stat st;
    int error;

    *fresh = false;
    if (!path[0])
        return refuse(&r, -ENOENT, "the database's path is empty");
    if (stat(path, &st)) {
        error = -errno;
        if (error == -ENOENT && writing) {
            *fresh = true;
            return check_directory(path, &r);
        }
        return refuse(&r, error, "%s: %s", path, strerror(-error));
    }
    if (S_ISDIR(st.st_mode))
        return refuse(&r, -EISDIR, "%s: is a directory, not a file", path);
    if (!S_ISREG(st.st_mode))
        return refuse(&r, -EINVAL, "%s: is not a regular file", path);
    *fresh = writing && st.st_size == 0; /* what mktemp leaves */
    error = *fresh ? 0 : check_header(path, &r);
    if (!error && writing)
        error = check_writable(path, &st, &r);
    if (!error && writing)
        error = check_directory(path, &r);
    return error;
}
