/* SPDX-License-Identifier: MIT */
#ifndef TESTS_CHECK_SELF_H
#define TESTS_CHECK_SELF_H

#include "tests/check.h"

check_group check_self;

#endif
