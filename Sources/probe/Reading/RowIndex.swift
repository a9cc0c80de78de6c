import Files

/// Finds rows by their images' ids, in 16 bytes a row.
struct RowIndex: Sendable {
  private struct Entry: Sendable {
    let hash: Int
    let row: UInt32
  }

  private let caches: CacheSet
  /// Ascending.
  private let entries: [Entry]

  init(_ caches: CacheSet) {
    self.caches = caches
    entries = (0..<caches.rowCount)
      .map { Entry(hash: Self.hash(caches.idBytes(row: $0)), row: UInt32($0)) }
      .sorted { ($0.hash, $0.row) < ($1.hash, $1.row) }
  }

  /// - Returns: the rows of the image, ascending; none where there is no such image.
  func rows(id: UnsafeRawBufferPointer) -> [Int] {
    let hash = Self.hash(id)
    var (low, high) = (0, entries.count)
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].hash < hash { low = middle + 1 } else { high = middle }
    }
    var rows: [Int] = []
    while low < entries.count, entries[low].hash == hash {
      let row = Int(entries[low].row)
      if caches.idBytes(row: row).elementsEqual(id) { rows.append(row) }
      low += 1
    }
    return rows
  }

  /// Swift's hashes are other ones in each process, so that no listing can be made for which they are all the same.
  private static func hash(_ id: UnsafeRawBufferPointer) -> Int {
    var hasher = Hasher()
    hasher.combine(bytes: id)
    return hasher.finalize()
  }
}
