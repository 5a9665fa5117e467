/* SPDX-License-Identifier: MIT
 *
 * Functions of the kernel at hand. */
#ifndef TESTS_KALLSYMS_H
#define TESTS_KALLSYMS_H

#include <stdint.h>

/* The kernel's function behind the system call getppid, as it names it on this architecture. */
#ifdef __aarch64__
#define KALLSYMS_GETPPID "__arm64_sys_getppid"
#else
#define KALLSYMS_GETPPID "__x64_sys_getppid"
#endif

/* The address of a function; 0: /proc/kallsyms has none of this name, or hides addresses. */
uintptr_t kallsyms_find(const char *name);

#endif
