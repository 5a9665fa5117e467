/* SPDX-License-Identifier: MIT */
#ifndef TESTS_CHECK_CPU_H
#define TESTS_CHECK_CPU_H

#include "tests/check.h"

check_group check_cpu;

#endif
