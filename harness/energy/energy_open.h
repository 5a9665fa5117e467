/* SPDX-License-Identifier: MIT
 *
 * What energy_open.c makes and energy.c takes windows with; for these two alone. */
#ifndef HARNESS_ENERGY_ENERGY_OPEN_H
#define HARNESS_ENERGY_ENERGY_OPEN_H

#include "harness/energy/align.h"
#include "harness/energy/load.h"
#include "harness/energy/rules.h"

struct energy_opened {
    const struct energy_route *route;
    void *state;
    bool open;
    int first, count; /* channels */
    int64_t cost_ns;  /* of both edges */
    struct why why;
};

struct energy {
    struct energy_rules rules;
    struct energy_opened opened[ENERGY_ROUTES_MAX];
    int routes, channels;
    struct energy_channel channel[ENERGY_CHANNELS_MAX];
    int route_of[ENERGY_CHANNELS_MAX];

    bool in_total[ENERGY_CHANNELS_MAX];
    bool has_total;
    char domains[512], reason[768];
    const char *provenance;

    struct guard_source source[ENERGY_CHANNELS_MAX]; /* those of status ok, the total's last */
    int sources;
    struct guard *guard;
    struct align align;

    int stat_fd;
    int64_t start_ns;
    struct load_edge begin;
    char said[ENERGY_CHANNELS_MAX][192]; /* why a channel has no joules in this window */
    char said_of_all[160];               /* why no channel has */
};

#endif
