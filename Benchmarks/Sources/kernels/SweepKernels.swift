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
    measureTraining(stopwatch, &report)
    measureConversions(stopwatch, &report)
  }

  /// What stands between the products of a training step, over a batch's features, its scores and a classifier's weight.
  private static func measureTraining(_ stopwatch: Stopwatch, _ report: inout Report) {
    let (images, width, classCount) = (512, Base.width, 1000)
    let statistics = (0..<3).map { _ in SharedBuffer<Float>(repeatElement(1, count: width)) }
    compare("batch norm in training, in place", images, width, stopwatch, &report) { _, _, output in
      pb_batch_norm_train(
        output, images, width, width, 1e-6, 0.1, statistics[0].pointer, statistics[1].pointer,
        statistics[2].pointer)
    }
    compare("batch norm's way back, in place", images, width, stopwatch, &report) { input, _, output in
      pb_batch_norm_backward(output, input, images, width, width, statistics[2].pointer)
    }
    let labels = SharedBuffer((0..<images).map { Int32($0) })
    let losses = SharedBuffer<Float>(count: images)
    let ranks = SharedBuffer<Int32>(count: images)
    compare("cross entropy and gradient, in place", images, classCount, stopwatch, &report) { _, _, output in
      pb_cross_entropy_gradient(
        output, labels.pointer, images, classCount, 0, 1, losses.pointer, ranks.pointer)
    }
    let (gradient, moment) = (randomBuffer(classCount * width), randomBuffer(classCount * width))
    compare("norms of weight and gradient", classCount, width, stopwatch, &report) { input, _, output in
      withUnsafeTemporaryAllocation(of: Double.self, capacity: 2) {
        pb_sums_of_squares(output, input, 0, classCount * width, $0.baseAddress!)
      }
    }
    let step = pb_momentum_step(
      learning_rate: 1e-12, momentum: 0.9, weight_decay: 0, scale: 1, nesterov: 0)
    compare("step with momentum", classCount, width, stopwatch, &report) { input, _, output in
      _ = withUnsafePointer(to: step) {
        pb_momentum_update(output, input, gradient.pointer, classCount * width, $0)
      }
    }
    let adamw = pb_adamw_step(
      beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decay: 1, step_size: 1e-12, second_scale: 1)
    let second = SharedBuffer<Float>(repeatElement(1, count: classCount * width))
    compare("step of AdamW", classCount, width, stopwatch, &report) { _, _, output in
      _ = withUnsafePointer(to: adamw) {
        pb_adamw_update(
          output, moment.pointer, second.pointer, gradient.pointer, classCount * width, $0)
      }
    }
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
