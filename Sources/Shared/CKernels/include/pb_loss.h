// Losses of rows of class scores `[rows, classes]`, and softmax. Each row is worked on while it is in the first-level
// cache, and by itself: rows may be cut anywhere.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Softmax of each row, in place.
void pb_softmax(float *values, size_t rows, size_t width);

/// Its way back for each row: gradient[i] becomes attention[i] (gradient[i] - sum over j of attention[j] gradient[j]).
void pb_softmax_rows_backward(const float *attention, float *gradient, size_t rows, size_t width);

/// losses[row] = (1 - smoothing) (-log p[label]) + smoothing * the mean over the classes of -log p, with p the softmax
/// of the row (PyTorch's CrossEntropyLoss(label_smoothing)); and the logits become scale times the gradient of it.
///
/// - labels: each in 0 ..< classes.
/// - ranks: receives how many classes come before the label: those with a greater score, and of equal scores those with
///   a lower index; a score that is no number comes last. May be null.
void pb_cross_entropy_gradient(float *logits, const int32_t *labels, size_t rows, size_t classes, float smoothing,
                               float scale, float *losses, int32_t *ranks);

/// losses[row] = the mean over the classes of -target log q - (1 - target) log(1 - q), with q the logistic function of the
/// score (a row of PyTorch's BCEWithLogitsLoss); and the logits become scale times the gradient of it.
void pb_binary_cross_entropy_gradient(float *logits, const float *targets, size_t rows, size_t classes, float scale,
                                      float *losses);

void pb_softmax_reference(float *values, size_t rows, size_t width);
void pb_softmax_rows_backward_reference(const float *attention, float *gradient, size_t rows, size_t width);
void pb_cross_entropy_gradient_reference(float *logits, const int32_t *labels, size_t rows, size_t classes,
                                         float smoothing, float scale, float *losses, int32_t *ranks);
void pb_binary_cross_entropy_gradient_reference(float *logits, const float *targets, size_t rows, size_t classes,
                                                float scale, float *losses);

#ifdef __cplusplus
}
#endif
