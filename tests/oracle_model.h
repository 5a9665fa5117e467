/* SPDX-License-Identifier: MIT
 *
 * A model's weights as the reference wants them, taken from the latent weights, not from the packed
 * ones. All memory is the running test's. */
#ifndef TESTS_ORACLE_MODEL_H
#define TESTS_ORACLE_MODEL_H

#include "model/model.h"
#include "reference/reference.h"

const struct ref_model *oracle_model(const struct model *m, enum kv_type kv);

/* Fails the test unless every packed matrix of the model is its latent rows, and these are what
 * their format makes of the f16 format's rows. */
void oracle_latent(const struct model *m);

#endif
