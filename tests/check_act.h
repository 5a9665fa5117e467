/* SPDX-License-Identifier: MIT
 *
 * The checks of what happens between linear layers; each body takes a struct act_kernels. */
#ifndef TESTS_CHECK_ACT_H
#define TESTS_CHECK_ACT_H

#include "tests/check.h"

check_body check_quantise_body, check_rmsnorm_body, check_gates_body, check_add_body,
    check_rotate_body, check_f16_body, check_attend_body;

check_group check_act, check_attend;

#endif
