/* SPDX-License-Identifier: MIT
 *
 * The likwid library, loaded when a run asks for it and never otherwise: mapping it costs about
 * 14 MB of anonymous memory and 10 ms, which a run that measures its footprint must not have. */
#ifndef HARNESS_LIBLIKWID_H
#define HARNESS_LIBLIKWID_H

#include "harness/why.h"

/* likwid.h's own values: the access mode of HPMmode, and domains of the power API. */
enum { LIKWID_MODE_DIRECT = 0, LIKWID_POWER_DOMAINS = 5 };

struct liblikwid {
    void *library;
    /* Markers: a region is of the CPU that the calling thread is pinned to. */
    void (*marker_init)(void);
    void (*marker_thread_init)(void);
    void (*marker_close)(void);
    int (*marker_register)(const char *region);
    int (*marker_start)(const char *region);
    int (*marker_stop)(const char *region);
    int (*topology_init)(void); /* before any power call: it finds out which CPU this is */
    /* Power: energy counters of model-specific registers. */
    void (*access_mode)(int mode);
    int (*access_cpu)(int cpu);
    int (*power_init)(int cpu);
    int (*power_start)(void *data, int cpu, int domain); /* PowerData: see energy/likwid.c */
    double (*power_unit)(int domain);                    /* J a count */
    const char **power_names;                            /* (LIKWID_POWER_DOMAINS) */
};

/* 0, or -ENOSYS (off), -ENOENT (not installed), -ENOEXEC (lacks a function), and why. */
int liblikwid_load(struct liblikwid *likwid, struct why *why);
/* Leaves the library mapped: it starts threads and processes of its own, and cannot be undone. */

#endif
