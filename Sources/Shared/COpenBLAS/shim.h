// OpenBLAS's face: matrix products and the switch that keeps it to one thread a call, and of the LAPACK inside it what
// is needed. Its own header for that, lapacke.h, is a package of its own on Debian.
#pragma once
#include <cblas.h>
#include <stddef.h>

// Fortran passes everything by address, and the
// lengths of strings behind the last argument.
void dsyevr_(const char *job, const char *range, const char *triangle, const blasint *order, double *matrix,
             const blasint *leading, const double *lower, const double *upper, const blasint *first,
             const blasint *last, const double *tolerance, blasint *found, double *values, double *vectors,
             const blasint *leading_of_vectors, blasint *support, double *work, const blasint *work_length,
             blasint *integers, const blasint *integers_length, blasint *info, size_t, size_t, size_t);

/// The eigenvector of the index-th smallest eigenvalue, from 1, of a symmetric matrix [order, order], which is destroyed.
/// values is [order], vector [order], support [2], work at least [26 order], integers at least [10 order].
///
/// Returns 0 where it is found.
static inline blasint pb_dsyevr(blasint order, double *matrix, blasint index, double *values, double *vector,
                                blasint *support, double *work, blasint work_length, blasint *integers,
                                blasint integers_length) {
  const double unused = 0, tolerance = 0;
  blasint found = 0, info = 0;
  dsyevr_("V", "I", "U", &order, matrix, &order, &unused, &unused, &index, &index, &tolerance, &found, values, vector,
          &order, support, work, &work_length, integers, &integers_length, &info, 1, 1, 1);
  return info == 0 && found != 1 ? -1 : info;
}

/// Eigenvalues and eigenvectors of a symmetric matrix, by divide and conquer. The last two arguments are the lengths of
/// the first two, as Fortran compilers pass them.
void dsyevd_(const char *jobz, const char *uplo, const blasint *n, double *a, const blasint *lda, double *w,
             double *work, const blasint *lwork, blasint *iwork, const blasint *liwork, blasint *info,
             size_t jobz_length, size_t uplo_length);
