import CKernels
import Compute

/// The exact Gaussian error linear unit, x Phi(x) (Hendrycks and Gimpel 2016; PyTorch's `nn.GELU()`), over rows.
package enum GELU {
  private static let valuesPerChunk = 16384

  /// - Parameters:
  ///   - input: [count], kept for `backward`.
  ///   - output: receives [count]; not the input itself.
  package static func forward(
    _ input: SharedBuffer<Float>, count: Int, into output: SharedBuffer<Float>, _ parallel: Parallel
  ) throws {
    try parallel.forEachChunk(of: count, length: valuesPerChunk) { _, range, _ in
      pb_gelu(input.pointer + range.lowerBound, output.pointer + range.lowerBound, range.count)
    }
  }

  /// Turns the gradient with respect to the output into the one with respect to the input, in place.
  ///
  /// - Parameters:
  ///   - gradient: [count]
  ///   - input: [count], as `forward` saw it.
  package static func backward(
    _ gradient: SharedBuffer<Float>, input: SharedBuffer<Float>, count: Int, _ parallel: Parallel
  ) throws {
    try parallel.forEachChunk(of: count, length: valuesPerChunk) { _, range, _ in
      pb_gelu_backward(input.pointer + range.lowerBound, gradient.pointer + range.lowerBound, range.count)
    }
  }
}
