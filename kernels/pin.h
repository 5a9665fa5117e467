/* SPDX-License-Identifier: MIT
 *
 * CPU lists in likwid's notation:
 *
 *     0,2-4          the OS's numbers
 *     N:0-3          of all hardware threads the first four, one a core first
 *     S0: D0: C0: M0:    the same within a socket, a die, a last-level cache, a memory node
 *     S0             all of a domain, a core's threads together
 *     E:N:4          the first four, a core's threads together
 *     E:N:4:1:2      of every two take one, until there are four (chunk 1, stride 2)
 *     S:scatter      sockets (or D, C, M) in turn; S:scatter:4 the first four
 *     S0:0-1@S1:0-1  one list and then the other */
#ifndef KERNELS_PIN_H
#define KERNELS_PIN_H

#include <stddef.h>

/* cpus (max) get the OS's numbers, none twice, each one that the caller may use. Their number, at
 * least 1; or -errno and a sentence in why, which quotes text and, where it is the notation that is
 * wrong, tells the character at fault, counted from 1. */
int pin_parse(const char *text, int *cpus, int max, char *why, size_t why_size);

#endif
