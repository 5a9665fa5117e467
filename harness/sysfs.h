/* SPDX-License-Identifier: MIT
 *
 * Reads small files of /proc and /sys below a root. */
#ifndef HARNESS_SYSFS_H
#define HARNESS_SYSFS_H

#include <stddef.h>
#include <stdint.h>

/* The file's text without the final newline, at most size - 1 bytes. 0, or -errno (-EMSGSIZE when
 * it does not fit). path is absolute, without the root. */
int sysfs_text(const char *sysroot, const char *path, char *text, size_t size);
/* A decimal integer and nothing else. -EBADMSG for anything else. */
int sysfs_int64(const char *sysroot, const char *path, int64_t *value);
/* The integer behind `key` in a file of "key: value unit" or "key value" lines. -ENOENT: no key. */
int sysfs_field(const char *sysroot, const char *path, const char *key, int64_t *value);
/* The text behind `key` in a file of "key: text", "key text" or "key=text" lines, without quotes
 * around it: the first line that has the key. -ENOENT: no key; -EMSGSIZE: it does not fit. */
int sysfs_field_text(const char *sysroot, const char *path, const char *key, char *text,
                     size_t size);

/* Where this process's cgroup of version 2 has `file`: "/sys/fs/cgroup/a/b/FILE". 0; -ENOENT where
 * it is in none; -ENAMETOOLONG. */
int sysfs_cgroup(const char *sysroot, const char *file, char *path, size_t size);

/* The names in a directory, but for those that begin with a dot, numbers in them in order of their
 * values. How many; -errno; -E2BIG: more than max, or one that does not fit. */
enum { SYSFS_NAME_MAX = 64 };
int sysfs_list(const char *sysroot, const char *path, char (*names)[SYSFS_NAME_MAX], int max);

#endif
