import CKernels
import Compute

/// Sums over rows [M, W], on fixed chunks.
enum Rows {
  private static let valuesPerChunk = 16384
  private static let columnsPerChunk = 128
  static let perChunk = 64

  /// values += addends, [count] each.
  static func add(
    _ addends: SharedBuffer<Float>, to values: SharedBuffer<Float>, count: Int, _ parallel: Parallel
  ) throws {
    try parallel.forEachChunk(of: count, length: valuesPerChunk) { _, range, _ in
      let (from, to) = (addends.pointer, values.pointer)
      for index in range { to[index] += from[index] }
    }
  }

  /// Adds `row`, [W], to each of M rows.
  static func add(
    row: SharedBuffer<Float>, to values: SharedBuffer<Float>, count: Int, _ parallel: Parallel
  ) throws {
    let width = row.count
    try parallel.forEachChunk(of: count, length: perChunk) { _, rows, _ in
      pb_add_bias(values.pointer + rows.lowerBound * width, row.pointer, rows.count, width)
    }
  }

  /// Adds the sum of M rows to `sums`, [W].
  static func addSum(
    of values: SharedBuffer<Float>, count: Int, to sums: SharedBuffer<Float>, _ parallel: Parallel
  ) throws {
    let width = sums.count
    try parallel.forEachChunk(of: width, length: columnsPerChunk) { _, columns, _ in
      pb_add_column_sums(
        values.pointer + columns.lowerBound, count, width, columns.count, sums.pointer + columns.lowerBound)
    }
  }
}
