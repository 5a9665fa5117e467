/* SPDX-License-Identifier: MIT
 *
 * What kernels and passes are held against, in their own rounds. */
#ifndef BENCH_CEILINGS_H
#define BENCH_CEILINGS_H

#include "bench/roof.h"

enum { CEILINGS_MAX = 64 }; /* three peaks a set of loops, and no CPU has 20 */

/* The read bandwidth comes first; then the peak of each kind of multiply-add, by the loops of each
 * ISA that does it, the best ISA's first. A roof each, on the threads and the memory of the first.
 */
struct ceilings {
    int count;
    struct roof roofs[CEILINGS_MAX];
    enum roof_metric metrics[CEILINGS_MAX];
};

/* The read alone, of the best ISA's roof; its state is copied. */
void ceilings_begin(struct ceilings *c, const struct roof *roof);

/* The peak that a kernel of the family and ISA is held against, unless it is there. */
void ceilings_add(struct ceilings *c, const struct family *family, const char *isa);

#endif
