/* SPDX-License-Identifier: MIT
 *
 * check: every kernel of every instruction set that this CPU has, against C; and the checker
 * itself, against kernels broken on purpose. */
#include "tests/check_act.h"
#include "tests/check_cpu.h"
#include "tests/check_isa.h"
#include "tests/check_linear.h"
#include "tests/check_roof.h"
#include "tests/check_self.h"

int main(int argc, char **argv)
{
    static check_group *const groups[] = { check_cpu,    check_isas, check_self,
                                           check_gemv,   check_gemm, check_act,
                                           check_attend, check_roof, NULL };

    return check_main(argc, argv, groups);
}
