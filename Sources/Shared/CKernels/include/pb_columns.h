// Statistics of a matrix's columns. values is `[rows, columns]`, `stride` elements from one row to the next; columns do not
// depend on each other, so that they may be cut anywhere. Sums go over the rows in order, in double precision over groups of
// eight rows.
#pragma once
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// sums[c] += the sum of column c.
void pb_add_column_sums(const float *values, size_t rows, size_t stride, size_t columns, float *sums);

/// Batch normalisation without affine parameters in training (Ioffe and Szegedy, 2015; PyTorch's BatchNorm1d): each
/// column becomes (x - mean) / sqrt(variance + epsilon), with the biased variance over its rows, of which there are two or
/// more. Running statistics move towards the batch's mean and unbiased variance by `momentum` of the way.
///
/// - inverse_deviation: receives 1 / sqrt(variance + epsilon), for the way back.
void pb_batch_norm_train(float *values, size_t rows, size_t stride, size_t columns, float epsilon, float momentum,
                         float *running_mean, float *running_variance, float *inverse_deviation);

/// The same with the running statistics, as they are.
void pb_batch_norm_evaluate(float *values, size_t rows, size_t stride, size_t columns, float epsilon,
                            const float *running_mean, const float *running_variance);

/// The way back from training: the gradient with respect to the normalised values becomes the one with respect to the
/// values.
///
/// - normalized: with the stride of the gradient.
void pb_batch_norm_backward(float *gradient, const float *normalized, size_t rows, size_t stride, size_t columns,
                            const float *inverse_deviation);

void pb_add_column_sums_reference(const float *values, size_t rows, size_t stride, size_t columns, float *sums);
void pb_batch_norm_train_reference(float *values, size_t rows, size_t stride, size_t columns, float epsilon,
                                   float momentum, float *running_mean, float *running_variance,
                                   float *inverse_deviation);
void pb_batch_norm_evaluate_reference(float *values, size_t rows, size_t stride, size_t columns, float epsilon,
                                      const float *running_mean, const float *running_variance);
void pb_batch_norm_backward_reference(float *gradient, const float *normalized, size_t rows, size_t stride,
                                      size_t columns, const float *inverse_deviation);

#ifdef __cplusplus
}
#endif
