import CKernels

/// One side of a product as it lies in memory: of each of the product's rows (or columns) the values that are summed over.
///
/// Sendable because nobody writes to it while the product is made.
struct ProductSide: @unchecked Sendable {
  private let values: UnsafePointer<Float>
  private let leading: Int
  private let sumsAlongRows: Bool

  /// - Parameters:
  ///   - leading: elements from one stored row to the next.
  ///   - sumsAlongRows: whether a stored row holds what one sum runs over, and not what stands beside it.
  init(_ values: UnsafePointer<Float>, leading: Int, sumsAlongRows: Bool) {
    (self.values, self.leading, self.sumsAlongRows) = (values, leading, sumsAlongRows)
  }

  /// Writes an operand of some of the product's rows (or columns) and some of what they are summed over.
  func pack(_ lanes: Range<Int>, _ summed: Range<Int>, into operand: UnsafeMutablePointer<UInt32>) {
    if sumsAlongRows {
      pb_product_pack_rows(
        values + lanes.lowerBound * leading + summed.lowerBound, leading, lanes.count, summed.count, operand)
    } else {
      pb_product_pack_columns(
        values + summed.lowerBound * leading + lanes.lowerBound, leading, lanes.count, summed.count, operand)
    }
  }
}

/// `c = alpha * left * right + beta * c` of rounded operands, [m, k] and [k, n], in pieces whose operands stay in the cache.
struct RoundedProduct: Sendable {
  /// The most values that a sum runs over before it is added to memory.
  private static let summedPerPiece = 1536
  /// The most rows and columns whose operands are in memory at once.
  private static let rowsPerPiece = 2048
  private static let columnsPerPiece = 3072
  /// What one thread makes at a time: whole blocks of operands, and of products whole tiles of the kernel.
  private static let lanesPerChunk = 64
  private static let rowsPerTile = 128
  private static let columnsPerTile = 192

  let m: Int
  let n: Int
  let k: Int
  let alpha: Float
  let beta: Float
  let leadingC: Int

  /// On this thread.
  func run(left: ProductSide, right: ProductSide, into c: UnsafeMutablePointer<Float>) {
    forEachPiece { piece in
      Self.withOperands(piece.leftSize + piece.rightSize) { operands in
        let rightOperand = operands + piece.leftSize
        left.pack(piece.rows, piece.summed, into: operands)
        right.pack(piece.columns, piece.summed, into: rightOperand)
        multiply(piece, operands, rightOperand, piece.rows, piece.columns, into: c)
      }
    }
  }

  /// On several threads.
  func run(
    _ parallel: Parallel, left: ProductSide, right: ProductSide, into c: UnsafeMutablePointer<Float>
  ) throws {
    nonisolated(unsafe) let c = c
    try forEachPiece { piece in
      let leftOperand = SharedBuffer<UInt32>(count: piece.leftSize, fill: { _ in })
      let rightOperand = SharedBuffer<UInt32>(count: piece.rightSize, fill: { _ in })
      let leftChunks = chunkCount(piece.rows, Self.lanesPerChunk)
      try parallel.forEach(leftChunks + chunkCount(piece.columns, Self.lanesPerChunk)) { index, _ in
        let isLeft = index < leftChunks
        let all = isLeft ? piece.rows : piece.columns
        let lanes = chunk(isLeft ? index : index - leftChunks, of: all, Self.lanesPerChunk)
        let offset = pb_product_operand_size(lanes.lowerBound - all.lowerBound, piece.summed.count)
        if isLeft {
          left.pack(lanes, piece.summed, into: leftOperand.pointer + offset)
        } else {
          right.pack(lanes, piece.summed, into: rightOperand.pointer + offset)
        }
      }
      let tilesAcross = chunkCount(piece.columns, Self.columnsPerTile)
      try parallel.forEach(chunkCount(piece.rows, Self.rowsPerTile) * tilesAcross) { index, _ in
        multiply(
          piece, leftOperand.pointer, rightOperand.pointer,
          chunk(index / tilesAcross, of: piece.rows, Self.rowsPerTile),
          chunk(index % tilesAcross, of: piece.columns, Self.columnsPerTile), into: c)
      }
    }
  }

  // MARK: - Pieces

  /// A part of the product whose operands are in memory at once.
  private struct Piece: Sendable {
    let rows: Range<Int>
    let columns: Range<Int>
    let summed: Range<Int>

    var leftSize: Int { pb_product_operand_size(rows.count, summed.count) }
    var rightSize: Int { pb_product_operand_size(columns.count, summed.count) }
  }

  /// - Parameter body: sees the pieces of what is summed over in their order.
  private func forEachPiece(_ body: (_ piece: Piece) throws -> Void) rethrows {
    // Nothing to sum over is a sum of nothing.
    for columns in 0..<chunkCount(0..<n, Self.columnsPerPiece) {
      for rows in 0..<chunkCount(0..<m, Self.rowsPerPiece) {
        for summed in 0..<max(1, chunkCount(0..<k, Self.summedPerPiece)) {
          try body(
            Piece(
              rows: chunk(rows, of: 0..<m, Self.rowsPerPiece),
              columns: chunk(columns, of: 0..<n, Self.columnsPerPiece),
              summed: chunk(summed, of: 0..<k, Self.summedPerPiece)))
        }
      }
    }
  }

  /// - Parameters:
  ///   - rows, columns: of the piece's, from whole blocks on.
  private func multiply(
    _ piece: Piece, _ left: UnsafePointer<UInt32>, _ right: UnsafePointer<UInt32>, _ rows: Range<Int>,
    _ columns: Range<Int>, into c: UnsafeMutablePointer<Float>
  ) {
    let count = piece.summed.count
    pb_product(
      left + pb_product_operand_size(rows.lowerBound - piece.rows.lowerBound, count), rows.count,
      right + pb_product_operand_size(columns.lowerBound - piece.columns.lowerBound, count), columns.count,
      count, alpha, piece.summed.lowerBound == 0 ? beta : 1,
      c + rows.lowerBound * leadingC + columns.lowerBound, leadingC)
  }

  /// Memory for operands of so many units, where the kernels like it best.
  static func withOperands(_ count: Int, _ body: (_ operands: UnsafeMutablePointer<UInt32>) -> Void) {
    withUnsafeTemporaryAllocation(byteCount: max(64, 4 * count), alignment: 64) {
      body($0.baseAddress!.bindMemory(to: UInt32.self, capacity: count))
    }
  }
}

private func chunkCount(_ range: Range<Int>, _ length: Int) -> Int { (range.count + length - 1) / length }

private func chunk(_ index: Int, of range: Range<Int>, _ length: Int) -> Range<Int> {
  let start = range.lowerBound + index * length
  return min(start, range.upperBound)..<min(start + length, range.upperBound)
}
