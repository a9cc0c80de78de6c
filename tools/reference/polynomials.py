"""Prints the polynomials of Sources/Shared/CKernels/elementary.inc.h and how far each is from its function.

    python tools/reference/polynomials.py          (numpy, mpmath)

Each is the polynomial with the least greatest weighted error, by Lawson's method: least squares whose weights are
multiplied by the error until it is level.
"""

import mpmath
import numpy

mpmath.mp.dps = 40


def fit(name, function, powers, low, high, weight, steps=200, points=1500):
    nodes = (low + high) / 2 + (high - low) / 2 * numpy.cos(numpy.pi * (numpy.arange(points) + 0.5) / points)
    values = numpy.array([float(function(mpmath.mpf(float(x)))) for x in nodes])
    scale = numpy.array([float(weight(mpmath.mpf(float(x)))) for x in nodes])
    basis = numpy.stack([nodes**power for power in powers], axis=1)
    level = numpy.ones(points) / points
    best_error, best = numpy.inf, None
    for _ in range(steps):
        root = numpy.sqrt(level) * scale
        coefficients = numpy.linalg.lstsq(basis * root[:, None], values * root, rcond=None)[0]
        error = numpy.abs(basis @ coefficients - values) * scale
        if error.max() < best_error:
            best_error, best = error.max(), coefficients
        level = level * (error + 1e-3 * error.max())
        level /= level.sum()
    print(f"{name}: error at most {best_error:.2g}")
    for power, coefficient in zip(powers, best):
        print(f"  x^{power}: {numpy.float32(coefficient):.9g}f")


# exp(r) = 1 + r + r^2 P(r) for |r| <= log(2) / 2; the error is relative to exp(r).
fit(
    "exp", lambda r: (mpmath.exp(r) - 1 - r) / r**2, range(5), -0.3466, 0.3466,
    lambda r: r**2 / mpmath.exp(r),
)  # fmt: skip

# log(1 + f) = f - f^2 / 2 + f^3 P(f) for sqrt(1/2) <= 1 + f <= sqrt(2); the error is relative to log(1 + f).
fit(
    "log", lambda f: (mpmath.log1p(f) - f + f * f / 2) / f**3, range(8), -0.2929, 0.4143,
    lambda f: abs(f**3 / mpmath.log1p(f)),
)  # fmt: skip

# 2 (1 - Phi(t)) = exp(t P(t)) for 0 <= t <= 6; the error is that of 1 - Phi(t).
fit(
    "normal tail", lambda t: mpmath.log(mpmath.erfc(t / mpmath.sqrt(2))), range(1, 9), 0, 6,
    lambda t: mpmath.erfc(t / mpmath.sqrt(2)) / 2,
)  # fmt: skip
