#include "include/pb_ranking.h"

#include <math.h>
#include <string.h>

#include "dispatch.h"

enum { PB_LANES = 16 };

#define PB_FAMILY "ranking.inc.h"
#include "for_each_level.h"

PB_DISPATCH(size_t, pb_rank_of, (const float *scores, size_t count, size_t index), (scores, count, index))
PB_DISPATCH(size_t, pb_best_of, (const float *scores, size_t count), (scores, count))
PB_DISPATCH(float, pb_exponential_sum, (const float *scores, size_t count, float maximum), (scores, count, maximum))
PB_DISPATCH(float, pb_exponential_shares, (float *scores, size_t count, float maximum), (scores, count, maximum))
PB_DISPATCH(float, pb_softplus_sum, (const float *scores, size_t count), (scores, count))

static int comes_before(const float *scores, size_t a, size_t b) {
  if (isnan(scores[a])) return isnan(scores[b]) && a < b;
  if (isnan(scores[b])) return 1;
  return scores[a] > scores[b] || (scores[a] == scores[b] && a < b);
}

size_t pb_rank_of_reference(const float *scores, size_t count, size_t index) {
  size_t rank = 0;
  for (size_t i = 0; i < count; i++) rank += i != index && comes_before(scores, i, index);
  return rank;
}

size_t pb_best_of_reference(const float *scores, size_t count) {
  size_t best = 0;
  for (size_t i = 1; i < count; i++) {
    if (comes_before(scores, i, best)) best = i;
  }
  return best;
}

double pb_exponential_sum_reference(const float *scores, size_t count, float maximum) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += exp((double)scores[i] - maximum);
  return sum;
}

double pb_softplus_sum_reference(const float *scores, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += fmax(scores[i], 0) + log1p(exp(-fabs((double)scores[i])));
  return sum;
}
