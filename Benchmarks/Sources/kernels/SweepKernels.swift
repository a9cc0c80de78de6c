import CCeilings
import CKernels
import Compute

/// Kernels that go over values once, on one thread, against the simplest sweep over as many values in the same place.
enum SweepKernels {
  private typealias Values = UnsafeMutablePointer<Float>

  static func measure(_ stopwatch: Stopwatch, _ report: inout Report) {
    let (rows, width, mlpWidth) = (Base.tokenCount, Base.width, Base.mlpWidth)
    compare("LayerNorm", rows, width, stopwatch, &report) { input, vector, output in
      pb_layer_norm(input, vector, vector, 1e-6, output, rows, width)
    }
    let rounded = SharedBuffer<UInt16>(count: rows * width)
    compare("LayerNorm to bfloat16", rows, width, stopwatch, &report) { input, vector, _ in
      pb_layer_norm_bf16(input, vector, vector, 1e-6, rounded.pointer, rows, width)
    }
    compare("bias and GELU, in place", rows, mlpWidth, stopwatch, &report) { _, vector, output in
      pb_bias_gelu(output, vector, rows, mlpWidth)
    }
    compare("residual and magnitudes", rows, width, stopwatch, &report) { input, vector, output in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: rows) {
        pb_add_residual_with_magnitudes(input, vector, output, rows, width, $0.baseAddress!)
      }
    }
    measureConversions(stopwatch, &report)
  }

  /// - Parameter kernel: called with input and output, `[rows, width]`, and a vector, `[width]`, of small values.
  private static func compare(
    _ name: String, _ rows: Int, _ width: Int, _ stopwatch: Stopwatch, _ report: inout Report,
    _ kernel: (_ input: Values, _ vector: Values, _ output: Values) -> Void
  ) {
    let count = rows * width
    let (input, output) = (randomBuffer(count), randomBuffer(count, seed: 1))
    // Small, so that kernels that add to what they find do not run away.
    let vector = SharedBuffer<Float>(repeatElement(1e-6, count: width))
    let rate = stopwatch.rate(of: Double(count)) { kernel(input.pointer, vector.pointer, output.pointer) }
    let ceiling = stopwatch.rate(of: Double(count)) {
      pb_ceiling_sweep(input.pointer, output.pointer, count)
    }
    report.add("\(name), \(rows) x \(width)", rate, .values, of: ("2 x + 1", ceiling))
  }

  private static func measureConversions(_ stopwatch: Stopwatch, _ report: inout Report) {
    let count = Base.tokenCount * Base.width
    let wide = randomBuffer(count)
    let narrow = SharedBuffer<UInt16>(count: count)
    let bits = SharedBuffer<UInt32>(wide.buffer.lazy.map(\.bitPattern))
    let narrowing = stopwatch.rate(of: Double(count)) {
      pb_ceiling_narrow(bits.pointer, narrow.pointer, count)
    }
    let widening = stopwatch.rate(of: Double(count)) {
      pb_ceiling_widen(narrow.pointer, bits.pointer, count)
    }
    let kernels: [(String, Double, () -> Void)] = [
      ("float32 to float16", narrowing, { pb_f32_to_f16(wide.pointer, narrow.pointer, count) }),
      ("float16 to float32", widening, { pb_f16_to_f32(narrow.pointer, wide.pointer, count) }),
      ("float32 to bfloat16", narrowing, { pb_f32_to_bf16(wide.pointer, narrow.pointer, count) }),
      ("bfloat16 to float32", widening, { pb_bf16_to_f32(narrow.pointer, wide.pointer, count) }),
    ]
    for (name, ceiling, kernel) in kernels {
      let rate = stopwatch.rate(of: Double(count), kernel)
      report.add(
        "\(name), \(Base.tokenCount) x \(Base.width)", rate, .values, of: ("half of the bits", ceiling))
    }
  }
}
