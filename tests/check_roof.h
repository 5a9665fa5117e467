/* SPDX-License-Identifier: MIT */
#ifndef TESTS_CHECK_ROOF_H
#define TESTS_CHECK_ROOF_H

#include "tests/check.h"

check_group check_roof;

#endif
