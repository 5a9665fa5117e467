/* SPDX-License-Identifier: MIT
 *
 * Trees with energy counters, to be read below a sysroot, and a writer that makes their counters
 * advance. Every function returns 0 or -errno. */
#ifndef TESTS_ENERGY_FIXTURE_H
#define TESTS_ENERGY_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>

/* The kinds, NULL at the end:
 *   client             package-0 with core and uncore, psys, an mmio copy; the perf PMU `power`
 *   server             two sockets with dram
 *   server-psys-first  the same, psys is zone 0
 *   multi-die          package-0-die-0 and -1 with dram; the PMU with one CPU a die
 *   zen                package-0 with core, on AMD
 *   spr                two sockets with dram, psys in units of 1 J
 *   arm                hwmon: INA3221, energy1_input, an ACPI power meter, a graphics card
 *   scmi               arm-scmi: power_uw and no energy
 * and broken ones, each a package-0 alone:
 *   missing-range empty garbage above-range directory denied (mode 0400)
 *   masked             the class is empty, and so is what its links led to
 *   none               neither class nor PMU */
extern const char *const energy_fixture_kinds[];
int energy_fixture_make(const char *root, const char *kind);
/* A file below root, its directories made; text of a counter is padded by newlines. */
int energy_fixture_write(const char *root, const char *path, const char *text);
/* A new directory below $TMPDIR or /tmp; to be removed by the caller. */
int energy_fixture_root(char *root, int size);
int energy_fixture_remove(const char *root);

/* A thread that writes each energy_uj below root/sys/class/powercap in place, at each update the
 * joules until then; what a zone draws is its share of `watts` (package 1, dram 0.1, core 0.5,
 * uncore 0.05, psys 1.3). It keeps a record of its updates. */
struct energy_writer;
int energy_writer_start(struct energy_writer **writer, const char *root, double watts,
                        int64_t period_ns);
void energy_writer_stop(struct energy_writer *writer);
/* Adds joules that nobody drew. */
void energy_writer_jump(struct energy_writer *writer, double joules);
/* The longest time from the moment that a value is of until it could be read, of the updates in a
 * stretch of time, as the writer knows: by that the counter itself was behind. */
double energy_writer_lag_s(const struct energy_writer *writer, int64_t from_ns, int64_t to_ns);
/* The longest time between two updates, of which a part is in the stretch. */
double energy_writer_gap_s(const struct energy_writer *writer, int64_t from_ns, int64_t to_ns);

#endif
