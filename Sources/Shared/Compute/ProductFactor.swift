import CKernels

/// A matrix that many products have on their right side, brought into the form that they like best once for all of them.
package final class ProductFactor: Sendable {
  private let products: MatrixProducts
  /// k and n: a product is [m, k] times [k, n].
  private let inputWidth: Int
  private let outputWidth: Int
  private let source: SharedBuffer<Float>
  private let isTransposed: Bool
  /// [k, n] in single precision, the source itself unless that is transposed; empty where operands are rounded.
  private let values: SharedBuffer<Float>
  /// Rounded; empty likewise.
  private let operand: SharedBuffer<UInt32>

  /// - Parameters:
  ///   - source: [k, n], or [n, k] where it is transposed, as a linear layer's weight is.
  package init(
    _ source: SharedBuffer<Float>, isTransposed: Bool = false, inputWidth: Int, outputWidth: Int,
    _ products: MatrixProducts
  ) {
    precondition(
      source.count == inputWidth * outputWidth,
      "\(source.count) values are no matrix of \(inputWidth) x \(outputWidth)")
    self.products = products
    (self.inputWidth, self.outputWidth) = (inputWidth, outputWidth)
    self.source = source
    self.isTransposed = isTransposed
    switch products {
    case .float32:
      // Products of rows are a little faster with the rows of the other side than with its columns.
      values = isTransposed ? SharedBuffer(count: source.count) : source
      operand = SharedBuffer(count: 0)
    case .bfloat16:
      values = SharedBuffer(count: 0)
      operand = SharedBuffer(count: pb_product_operand_size(outputWidth, inputWidth))
    }
  }

  /// To be called when the source has changed.
  package func prepare(_ parallel: Parallel) throws {
    switch products {
    case .float32:
      guard isTransposed else { return }
      try parallel.forEachChunk(of: outputWidth, length: 16) { _, outputs, _ in
        let (from, to) = (source.pointer, values.pointer)
        for input in 0..<inputWidth {
          for output in outputs { to[input * outputWidth + output] = from[output * inputWidth + input] }
        }
      }
    case .bfloat16:
      let side = ProductSide(
        source.pointer, leading: isTransposed ? inputWidth : outputWidth, sumsAlongRows: isTransposed)
      try parallel.forEachChunk(of: outputWidth, length: 64) { _, outputs, _ in
        side.pack(
          outputs, 0..<inputWidth,
          into: operand.pointer + pb_product_operand_size(outputs.lowerBound, inputWidth))
      }
    }
  }

  /// `output = rows * factor + beta * output` on this thread.
  ///
  /// - Parameters:
  ///   - rows: [m, k], contiguous.
  ///   - output: [m, n], contiguous.
  package func multiply(
    _ rows: UnsafePointer<Float>, count m: Int, beta: Float = 0, into output: UnsafeMutablePointer<Float>
  ) {
    switch products {
    case .float32:
      BLAS.multiply(
        m: m, n: outputWidth, k: inputWidth, a: rows, leadingA: inputWidth, b: values.pointer,
        leadingB: outputWidth, beta: beta, c: output, leadingC: outputWidth)
    case .bfloat16:
      RoundedProduct.withOperands(pb_product_operand_size(m, inputWidth)) { left in
        pb_product_pack_rows(rows, inputWidth, m, inputWidth, left)
        pb_product(left, m, operand.pointer, outputWidth, inputWidth, 1, beta, output, outputWidth)
      }
    }
  }
}
