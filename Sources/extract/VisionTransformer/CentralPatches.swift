/// The patches in the middle of the grid whose attention is kept: one patch, then 2x2, 3x3 and 4x4 of them.
///
/// For a side of `k` patches and an axis of `n`, they are those from `n / 2 - ceil(k / 2)` up to, not including,
/// `n / 2 + floor(k / 2)`, as the reference implementation has it: for an odd `k` on an even axis, the middle rounded up
/// and to the left. What an axis shorter than that lacks is left out, down to one patch.
enum CentralPatches {
  /// The number of regions; region `i` has sides of `i + 1` patches.
  static let regionCount = 4

  /// The indices of a region's patches in a grid, row by row.
  static func indices(side: Int, gridHeight: Int, gridWidth: Int) -> [Int] {
    let columns = range(side: side, count: gridWidth)
    return range(side: side, count: gridHeight).flatMap { row in columns.map { row * gridWidth + $0 } }
  }

  private static func range(side: Int, count: Int) -> Range<Int> {
    let start = max(0, count / 2 - (side + 1) / 2)
    let end = min(count, count / 2 + side / 2)
    return start..<max(start + 1, end)
  }
}
