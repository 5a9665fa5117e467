/* SPDX-License-Identifier: MIT
 *
 * What became of an attempt to reach a meter: never just "unavailable". `doctor` prints it, and a
 * run's record keeps it beside the values that are absent for that reason. */
#ifndef HARNESS_WHY_H
#define HARNESS_WHY_H

/* status: ok; absent (no such hardware, driver or file); denied (permission); masked (a container
 * hides it); broken (there, and its values make no sense); off (not in this build); missing
 * (library not installed); skipped (not tried below a sysroot, or not asked for). */
struct why {
    const char *status;
    char tried[192]; /* a path or a call */
    char said[224];  /* in the system's words */
    char fix[384];   /* what the user can do; "" when nothing */
};

/* Fills all members; what does not fit is cut. fix may be NULL. said is a printf format. */
void why_set(struct why *why, const char *status, const char *tried, const char *fix,
             const char *said, ...) __attribute__((format(printf, 5, 6)));

/* The status for -errno of a file: absent, denied, masked or broken. */
const char *why_status(int error);

#endif
