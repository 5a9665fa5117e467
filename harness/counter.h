/* SPDX-License-Identifier: MIT
 *
 * A file of one decimal number, kept open: what a counter in sysfs is. */
#ifndef HARNESS_COUNTER_H
#define HARNESS_COUNTER_H

#include <stddef.h>
#include <stdint.h>

/* The descriptor, or -errno. path is absolute, without the root. */
int counter_open(const char *sysroot, const char *path);
/* Digits, then nothing but newlines. -ENODATA: empty; -EBADMSG: anything else; -ERANGE: 64 bits
 * do not hold it. */
int counter_parse(const char *text, size_t length, uint64_t *value);
/* As above, or read's error, or -ENODEV when the file is no longer there. */
int counter_read(int fd, uint64_t *value);
/* What a read's error means, in words: the file's text is no number, it has vanished, ... */
const char *counter_error(int error);

#endif
