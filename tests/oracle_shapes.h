/* SPDX-License-Identifier: MIT
 *
 * Networks small enough to be computed again in double. */
#ifndef TESTS_ORACLE_SHAPES_H
#define TESTS_ORACLE_SHAPES_H

#include "model/model.h"

/* One of each kind of block; the last has no name. */
extern const struct shape oracle_shapes[];

/* Of matrices that are cut into parts on two threads, in every format (kernel_part): 384 panels a
 * thread and more. */
extern const struct shape oracle_tall;

#endif
