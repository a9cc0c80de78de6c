import Compute
import Files
import MatrixProducts

/// A linear layer over the tokens of one image, `y = x W^T + b`, with what a block does to its output fused in.
struct LinearLayer: Sendable {
  private let product: any MatrixProduct
  private let weight: any PackedWeight

  /// - Parameters:
  ///   - weight: `[outputWidth, inputWidth]`
  ///   - bias: `[outputWidth]`
  ///   - rowCount: the tokens that it is applied to.
  ///   - result: the type of its output; sums that are added to something are in float32.
  init(
    weight: SharedBuffer<Float>, bias: SharedBuffer<Float>, rowCount: Int, arithmetic: Arithmetic,
    result: ElementType, completion: ProductShape.Completion = .store(nil)
  ) throws(InputError) {
    product = try arithmetic.engine.prepare(
      .linear(
        rows: rowCount, inputWidth: weight.count / bias.count, outputWidth: bias.count,
        operands: arithmetic.operands, result: result, completion: completion))
    self.weight = try product.pack(weight: weight.pointer, bias: bias.pointer)
  }

  var scratchByteCount: Int { product.scratchByteCount }

  /// - Parameters:
  ///   - input: `[rowCount, inputWidth]`, of the arithmetic's operand type.
  ///   - output: `[rowCount, outputWidth]`, of the result's type.
  func apply(
    _ input: SharedBuffer<UInt8>, into output: UnsafeMutableRawPointer, scratch: SharedBuffer<UInt8>
  ) {
    product.run(input.pointer, .weight(weight), into: output, scratch: scratch.pointer)
  }
}
