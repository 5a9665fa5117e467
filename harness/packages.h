/* SPDX-License-Identifier: MIT
 *
 * Packages (sockets) of this machine, for routes that read a counter on one CPU of each. */
#ifndef HARNESS_PACKAGES_H
#define HARNESS_PACKAGES_H

enum { PACKAGES_MAX = 16 };

/* cpus (PACKAGES_MAX) gets the first online CPU of each package, in order of the packages' numbers
 * as Linux has them. How many there are; 1 and CPU 0 where Linux does not say. */
int packages_read(const char *sysroot, int *cpus);

#endif
