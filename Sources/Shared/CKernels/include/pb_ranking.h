// Rows of scores: which is the highest, how many come before a given one, what softmax makes of them.
//
// Of equal scores the lower index comes first, and what is no number comes last.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// How many scores come before the one at `index`.
size_t pb_rank_of(const float *scores, size_t count, size_t index);
/// The index of the score that comes first; 0 of no scores.
size_t pb_best_of(const float *scores, size_t count);

/// The sum of exp(score - maximum), where what is below 1e-30 counts as nothing. NaN where a score is.
float pb_exponential_sum(const float *scores, size_t count, float maximum);
/// scores = exp(score - maximum) / sum of them, likewise; returns the sum.
float pb_exponential_shares(float *scores, size_t count, float maximum);
/// The sum of log(1 + exp(score)), the cross entropy of a sigmoid for a target of 0. NaN where a score is.
float pb_softplus_sum(const float *scores, size_t count);

/// The same in plain order, the sums in double precision.
size_t pb_rank_of_reference(const float *scores, size_t count, size_t index);
size_t pb_best_of_reference(const float *scores, size_t count);
double pb_exponential_sum_reference(const float *scores, size_t count, float maximum);
double pb_softplus_sum_reference(const float *scores, size_t count);

#ifdef __cplusplus
}
#endif
