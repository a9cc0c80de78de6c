#include "elementary.inc.h"
#include "softmax.inc.h"

// Operands are single values, widened where they are stored in bfloat16.
#define PB_STEP_VALUES 1
#define PB_ROW_OPERAND(row, step) PB_WIDENED((row)[step])
#define PB_COLUMN_OPERAND(rows, stride, step, column) PB_WIDENED((rows)[(step) * (stride) + (column)])
#define PB_LAST_OPERAND(value) 0  // never asked for
#define PB_MULTIPLY_ADD(sum, a, b) sum += PB_KERNEL(from_bits)(a) * (pb_float_vector)(b)
#define PB_ATTENTION_OPERANDS(rows, scratch, stride) ((void)(stride), (const pb_bits32 *)(rows))

#define PB_INPUT f32
#define PB_ELEMENT float
#define PB_WIDENED(value) PB_KERNEL(to_bits)(value)
#define PB_STORE(value) (value)
#include "attention_head.inc.h"
#undef PB_INPUT
#undef PB_ELEMENT
#undef PB_WIDENED
#undef PB_STORE

#define PB_INPUT bf16
#define PB_ELEMENT uint16_t
#define PB_WIDENED(value) ((uint32_t)(value) << 16)
#define PB_STORE(value) pb_round_to_bf16(PB_KERNEL(to_bits)(value))
#include "attention_head.inc.h"
#undef PB_INPUT
#undef PB_ELEMENT
#undef PB_WIDENED
#undef PB_STORE

#undef PB_STEP_VALUES
#undef PB_ROW_OPERAND
#undef PB_COLUMN_OPERAND
#undef PB_LAST_OPERAND
#undef PB_MULTIPLY_ADD
#undef PB_ATTENTION_OPERANDS
