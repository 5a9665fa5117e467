/* SPDX-License-Identifier: MIT
 *
 * check_simde: the kernels of the x86 instruction sets that this CPU lacks, from the same source
 * files, with SIMDe in place of the compiler's intrinsics. */
#include "kernels/cpu.h"
#include "tests/check_act.h"
#include "tests/check_isa.h"
#include "tests/check_linear.h"
#include "tests/check_roof.h"

int main(int argc, char **argv)
{
    static check_group *const groups[] = { check_isas, check_gemv, check_gemm,
                                           check_act,  check_roof, NULL };

    check_emulates(CPU_AVX2 | CPU_AVXVNNI | CPU_AVX512BW | CPU_AVX512VNNI | CPU_AMX, "SIMDe");
    return check_main(argc, argv, groups);
}
