// SIMD kernels, chosen at run time by what the processor offers, each beside its scalar reference.
//
// A family of kernels is written once, as plain C loops that a compiler vectorises, in FAMILY.inc.h; FAMILY.c compiles
// it once per instruction set and dispatches. The references (`*_reference`) are written separately, without any
// vectorisation in mind, and tests compare the two at every level that the machine has.
#pragma once
#include "pb_activation.h"
#include "pb_attention.h"
#include "pb_columns.h"
#include "pb_conversion.h"
#include "pb_cpu.h"
#include "pb_embedding.h"
#include "pb_gating.h"
#include "pb_loss.h"
#include "pb_optimizer.h"
#include "pb_pooling.h"
#include "pb_product.h"
#include "pb_quantization.h"
#include "pb_ranking.h"
#include "pb_resample.h"
#include "pb_residual.h"
#include "pb_rounded_pooling.h"
#include "pb_selection.h"
#include "pb_token_norm.h"
