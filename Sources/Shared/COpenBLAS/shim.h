// OpenBLAS's face: the single-precision matrix product and the switch that keeps it to one thread a call.
#pragma once
#include <cblas.h>
