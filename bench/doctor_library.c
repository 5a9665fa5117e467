/* SPDX-License-Identifier: MIT
 *
 * Libraries and programs that are not measured with, or only named events with. */
#include "bench/doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "harness/counters/pfm.h"
#include "kernels/threads.h"

/* An independent measurement of what `roof` calls read_gbps; for the reader to run. */
static void likwid_bench(struct doctor *d)
{
    static const char tried[] = "likwid-bench in $PATH";
    const char *path = getenv("PATH");
    char file[512];

    for (size_t n; path && *path; path += n + (path[n] == ':')) {
        n = strcspn(path, ":");
        snprintf(file, sizeof file, "%.*s/likwid-bench", (int)(n < 400 ? n : 400), path);
        if (access(file, X_OK) == 0) {
            doctor_row(d, "library", "likwid-bench", "ok", tried, NULL,
                       "%s; checks the roof: likwid-bench -t load_avx -W S0:1GB:%d", file,
                       threads_cores());
            return;
        }
    }
    doctor_row(d, "library", "likwid-bench", "missing", tried, "apt-get install likwid",
               "not found; it would check the roof's read_gbps");
}

/* A name that libpfm4 knows on every machine. */
static void show_pfm(struct doctor *d, const char *name)
{
    static const char event_name[] = "perf::TASK-CLOCK";
    struct perf_event event = { 0 };
    struct why why = { .status = NULL };
    const int error = pfm_encode(event_name, &event, &why);

    if (error)
        doctor_why(d, "library", name, &why, event_name);
    else
        doctor_row(d, "library", name, "ok", event_name, NULL,
                   "names the vendors' events for --events");
}

void doctor_library(struct doctor *d)
{
    likwid_bench(d);
    doctor_apart(d, "library", "libpfm4", show_pfm);
}
