/* SPDX-License-Identifier: MIT
 *
 * A small checkasm: named tests, TAP on stdout, every test from the same seed, memory with a guard
 * page behind it, outputs poisoned beforehand, crashes caught and charged to the test that ran.
 *
 *     check_run(CHECK_PASSES, body, &arg, "%s_gemv_%s", family, isa);
 *
 * runs body(&arg) and prints one line. A body says what it is about to try with check_context(),
 * and ends at the first check_fail(). CHECK_FAILS turns the verdict round: the checker is checked
 * with functions broken on purpose. Memory from check_alloc() is freed when the test ends, however
 * it ends. Not for use by several threads. */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Calls each of `groups`, NULL at the end, to run its tests. Options: [--bench] [--brief] [--seed
 * N]
 * [--list] [PATTERN]: only tests whose name contains it. Returns main's exit status: 0 all as
 * wanted, 1 not, 2 a wrong command line. */
typedef void check_group(void);
int check_main(int argc, char **argv, check_group *const *groups);

/* --brief, for where arithmetic is slow (an emulated CPU, sanitizers): bodies try fewer of the
 * largest shapes. There are as many tests. */
bool check_brief(void);

enum check_verdict { CHECK_PASSES, CHECK_FAILS };
typedef void check_body(const void *arg);

__attribute__((format(printf, 4, 5))) void check_run(enum check_verdict want, check_body *body,
                                                     const void *arg, const char *name, ...);
/* A line for a test that cannot run here. */
__attribute__((format(printf, 2, 3))) void check_skip(const char *why, const char *name, ...);

/* What the body tries now; printed with a failure or a crash. */
__attribute__((format(printf, 1, 2))) void check_context(const char *format, ...);
/* Ends the body. */
__attribute__((format(printf, 1, 2), noreturn)) void check_fail(const char *format, ...);
/* A remark among the results. */
__attribute__((format(printf, 1, 2))) void check_note(const char *format, ...);

#define check_that(condition)                                                                      \
    do {                                                                                           \
        if (!(condition))                                                                          \
            check_fail("%s:%d: not true: %s", __FILE__, __LINE__, #condition);                     \
    } while (0)

/* ---- random numbers: the same in every test, whatever ran before ---- */

uint64_t check_random(void);
int check_below(int n);  /* in [0, n) */
double check_real(void); /* in [-1, 1) */

/* ---- memory ---- */

/* Ends right before a page that must not be touched, so an over-read crashes; and so it starts at
 * any address that `bytes` leads to, aligned for elements only. Contents are noise. */
void *check_alloc(size_t bytes);
/* Frees what was allocated since check_mark(). */
size_t check_mark(void);
void check_release(size_t mark);

/* An output of `count` floats, all poison, with CHECK_GUARD more on either side. */
enum { CHECK_GUARD = 32 };
float *check_poisoned(size_t count);
bool check_is_poison(float value);

/* An output of `bytes` bytes, all noise, CHECK_GUARD more on either side. check_guards() fails when
 * the bytes around have changed since. */
void *check_guarded(size_t bytes);
void check_guards(const void *memory, size_t bytes);

/* ---- comparison ---- */

/* got[i] must be want[i] bit for bit (bound NULL), or no further away than bound[i], where neither
 * is NaN. `n` elements; a failure shows the neighbourhood of the first that differs. */
void check_equal(const float *want, const float *got, const double *bound, size_t n);

/* ---- timing ---- */

/* Nanoseconds of one call of fn(arg): the median of several batches. Without --bench fn still runs
 * once, so that the path cannot rot, and the answer is 0. */
double check_time(void (*fn)(void *), void *arg);
/* How much of something to time: `much` with --bench, else 1. */
int check_timed(int much);

#endif
