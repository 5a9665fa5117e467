/* SPDX-License-Identifier: MIT */
#include "kernels/avxvnni.h"
#include "kernels/roof/roof_x86.h"

roof_compute_fn roof_dpbusd_avxvnni;

/* Both int8 x int8 and {0, 1, 2} x int8. */
uint64_t roof_dpbusd_avxvnni(uint64_t rounds)
{
    return products(rounds, vec_all8(2), vec_all8(-5), vec_dpbusd);
}
