import CKernels
import Compute

/// Sizes of ViT-B/16 at 224 pixels.
enum Base {
  static let side = 224
  static let patch = 16
  static let patchCount = 196
  static let tokenCount = 197
  static let width = 768
  static let depth = 12
  static let headCount = 12
  static let headWidth = 64
  static let mlpWidth = 3072
}

/// A buffer of small random values.
func randomBuffer(_ count: Int, seed: UInt64 = 0) -> SharedBuffer<Float> {
  var generator = SeededGenerator(seed: seed)
  let buffer = SharedBuffer<Float>(count: count)
  for index in 0..<count { buffer[index] = Float(generator.uniform(-1, 1)) }
  return buffer
}

/// Single-precision products of one image's tokens, on one thread.
enum MatrixProducts {
  static func measure(_ stopwatch: Stopwatch, _ ceilings: Ceilings, _ report: inout Report) {
    let shapes = [
      ("qkv", Base.width, 3 * Base.width), ("proj", Base.width, Base.width),
      ("fc1", Base.width, Base.mlpWidth), ("fc2", Base.mlpWidth, Base.width),
    ]
    for (name, inputWidth, outputWidth) in shapes {
      let input = randomBuffer(Base.tokenCount * inputWidth)
      let weight = randomBuffer(outputWidth * inputWidth, seed: 1)
      let output = SharedBuffer<Float>(count: Base.tokenCount * outputWidth)
      let operations = 2 * Base.tokenCount * inputWidth * outputWidth
      let rate = stopwatch.rate(of: Double(operations)) {
        BLAS.multiply(
          transposeB: true, m: Base.tokenCount, n: outputWidth, k: inputWidth, a: input.pointer,
          leadingA: inputWidth, b: weight.pointer, leadingB: inputWidth, c: output.pointer,
          leadingC: outputWidth)
      }
      report.add(
        "GEMM, OpenBLAS float32, \(name) \(Base.tokenCount) x \(inputWidth) x \(outputWidth)", rate,
        .operations,
        of: ceilings.multiplyAdd)
    }
    measureAttention(stopwatch, ceilings, &report)
  }

  /// One head: both products, and between them the softmax that measures.
  private static func measureAttention(
    _ stopwatch: Stopwatch, _ ceilings: Ceilings, _ report: inout Report
  ) {
    let (tokenCount, headWidth) = (Base.tokenCount, Base.headWidth)
    let queryKeyValue = randomBuffer(tokenCount * 3 * Base.width)
    let attention = SharedBuffer<Float>(count: tokenCount * tokenCount)
    let attended = SharedBuffer<Float>(count: tokenCount * headWidth)
    var statistics = [Float](repeating: 0, count: 8)
    let queries = queryKeyValue.pointer
    let operations = 2 * 2 * tokenCount * tokenCount * headWidth
    let rate = stopwatch.rate(of: Double(operations)) {
      BLAS.multiply(
        transposeB: true, m: tokenCount, n: tokenCount, k: headWidth, alpha: 0.125, a: queries,
        leadingA: 3 * Base.width, b: queries + Base.width, leadingB: 3 * Base.width, c: attention.pointer,
        leadingC: tokenCount)
      pb_softmax_with_statistics(attention.pointer, tokenCount, 1, Base.patchCount, &statistics)
      BLAS.multiply(
        m: tokenCount, n: headWidth, k: tokenCount, a: attention.pointer, leadingA: tokenCount,
        b: queries + 2 * Base.width, leadingB: 3 * Base.width, c: attended.pointer, leadingC: headWidth)
    }
    report.add("attention of a head with statistics, float32", rate, .operations, of: ceilings.multiplyAdd)
  }
}
