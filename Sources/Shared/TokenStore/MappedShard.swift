import Compute
import Files
import Foundation

/// A shard's file in memory, with the places of its datasets, which are known to lie inside of it.
///
/// Rows are counted from the shard's first one.
final class MappedShard: Sendable {
  let rowCount: Int
  let path: String
  private let file: MappedFile
  private let layout: RowLayout
  /// Per dataset of the layout.
  private let offsets: [Int]
  private let rowByteCounts: [Int]

  /// - Parameter placements: with all of the layout's datasets, of its types and shapes.
  init(
    _ path: String, layout: RowLayout, rowCount: Int, placements: [String: CacheManifest.Placement]
  ) throws(InputError) {
    self.path = path
    file = try MappedFile(path)
    self.layout = layout
    self.rowCount = rowCount
    for (name, placement) in placements where placement.end > file.bytes.count {
      throw InputError(
        path,
        "ends at byte \(file.bytes.count), before the end of its dataset \(name) at byte \(placement.end)")
    }
    offsets = layout.datasets.map { placements[$0.name]!.offset }
    rowByteCounts = layout.datasets.map(\.rowByteCount)
  }

  /// The size of the whole file.
  var byteCount: Int { file.bytes.count }

  /// The row's bytes in a dataset of the layout.
  func bytes(dataset: Int, row: Int) -> UnsafeRawBufferPointer {
    precondition(row >= 0 && row < rowCount, "row \(row) is outside 0 ..< \(rowCount)")
    let count = rowByteCounts[dataset]
    return UnsafeRawBufferPointer(
      rebasing: file.bytes[offsets[dataset] + row * count..<offsets[dataset] + (row + 1) * count])
  }

  /// All bytes of a dataset.
  func column(dataset: Int) -> UnsafeRawBufferPointer {
    let start = offsets[dataset]
    return UnsafeRawBufferPointer(rebasing: file.bytes[start..<start + rowCount * rowByteCounts[dataset]])
  }

  /// Asks for a part of the row's bytes in a dataset.
  func prefetch(dataset: Int, row: Int, _ part: Range<Int>) { file.prefetch(place(dataset, row, part)) }

  /// Lets go of a part of the row's bytes in a dataset.
  func forget(dataset: Int, row: Int, _ part: Range<Int>) { file.forget(place(dataset, row, part)) }

  private func place(_ dataset: Int, _ row: Int, _ part: Range<Int>) -> Range<Int> {
    precondition(row >= 0 && row < rowCount, "row \(row) is outside 0 ..< \(rowCount)")
    let start = offsets[dataset] + row * rowByteCounts[dataset]
    return start + part.lowerBound..<start + part.upperBound
  }

  /// The row's state; nil where the stored value is none.
  func state(row: Int) -> RowState? { RowState(rawValue: bytes(dataset: layout.stateIndex, row: row)[0]) }

  var undecodableRowCount: Int { (0..<rowCount).count { state(row: $0) == .undecodable } }

  /// Whether the row is written and its bytes are those that its checksum was made from.
  func isIntact(row: Int) -> Bool {
    guard let state = state(row: row), state != .empty else { return false }
    var checksum = RowChecksum()
    for dataset in 0..<layout.checksumIndex { checksum.update(bytes(dataset: dataset, row: row)) }
    let stored = bytes(dataset: layout.checksumIndex, row: row).loadUnaligned(as: UInt32.self)
    return checksum.value == UInt32(littleEndian: stored)
  }

  /// The first row with a token in 8 bits whose scale can be none; nil where there is no such row.
  func firstRowWithoutScale() -> Int? {
    let datasets = layout.payload.filter { $0.type == .int8 }
      .map { layout.index(of: RowLayout.scales(ofTokens: $0.name))! }
    return (0..<rowCount).first { row in
      datasets.contains { dataset in
        bytes(dataset: dataset, row: row).assumingMemoryBound(to: Float.self)
          .contains { !($0 >= 0 && $0.isFinite) }
      }
    }
  }

  /// The first row with a token in 8 bits of -128, which no writer makes; nil where there is no such row.
  func firstRowOutsideOf8Bits() -> Int? {
    let datasets = layout.payload.filter { $0.type == .int8 }.map { layout.index(of: $0.name)! }
    return (0..<rowCount).first { row in
      datasets.contains { dataset in
        let bytes = bytes(dataset: dataset, row: row)
        // Not `contains`, which looks at one byte at a time.
        return bytes.baseAddress.map { memchr($0, 0x80, bytes.count) != nil } ?? false
      }
    }
  }

  /// The class of the row's image, -1 where it has none.
  func label(row: Int) -> Int32 {
    Int32(littleEndian: bytes(dataset: layout.payload.count, row: row).loadUnaligned(as: Int32.self))
  }

  /// The path of the row's image, relative to the data set's root.
  func id(row: Int) -> String { String(decoding: idBytes(row: row), as: UTF8.self) }

  /// ``id(row:)`` in UTF-8, where it lies.
  func idBytes(row: Int) -> UnsafeRawBufferPointer {
    let padded = bytes(dataset: layout.payload.count + 1, row: row)
    return UnsafeRawBufferPointer(rebasing: padded.prefix { $0 != 0 })
  }

  func identity(row: Int) -> RowIdentity {
    let sourceIndex = bytes(dataset: layout.payload.count + 2, row: row).loadUnaligned(as: UInt64.self)
    let viewIndex = bytes(dataset: layout.payload.count + 3, row: row).loadUnaligned(as: UInt16.self)
    return RowIdentity(
      id: id(row: row), label: label(row: row), sourceIndex: UInt64(littleEndian: sourceIndex),
      viewIndex: UInt16(littleEndian: viewIndex))
  }
}

extension MappedShard {
  private static let chunkLength = 16

  /// The rows that are not written, or not as their checksums have it, in ascending order.
  ///
  /// - Parameters:
  ///   - companion: runs beside the checks, on one of the threads.
  ///   - onChecked: told of some rows more, from any thread. What it throws ends the checks.
  func damagedRows(
    _ parallel: Parallel, beside companion: @Sendable () throws -> Void = {},
    onChecked: @Sendable (_ rows: Int) throws -> Void = { _ in }
  ) throws -> [Int] {
    let results = ChunkResults<[Int]>()
    let chunkCount = (rowCount + Self.chunkLength - 1) / Self.chunkLength
    try parallel.forEach(chunkCount + 1) { index, _ in
      guard index > 0 else { return try companion() }
      let rows = (index - 1) * Self.chunkLength..<min(rowCount, index * Self.chunkLength)
      results.set(rows.filter { !isIntact(row: $0) }, index)
      try onChecked(rows.count)
    }
    return results.inOrder().flatMap { $0 }
  }
}

extension RowLayout {
  /// The places of the last two datasets.
  var stateIndex: Int { datasets.count - 2 }
  var checksumIndex: Int { datasets.count - 1 }

  func index(of name: String) -> Int? { datasets.firstIndex { $0.name == name } }

  /// The identity datasets' bytes for some rows: labels, ids, source_index and view_index, as they are stored.
  func identityColumns(of rows: some Sequence<RowIdentity>) -> [[UInt8]] {
    guard case .text(let idByteCount) = datasets[payload.count + 1].type else {
      preconditionFailure("ids are stored as \(datasets[payload.count + 1].type)")
    }
    var columns = [[UInt8]](repeating: [], count: 4)
    func append(_ value: some FixedWidthInteger & BitwiseCopyable, to column: Int) {
      withUnsafeBytes(of: value.littleEndian) { columns[column].append(contentsOf: $0) }
    }
    for row in rows {
      append(row.label, to: 0)
      let id = row.id.utf8
      precondition(id.count <= idByteCount, "the id \(row.id) has more than \(idByteCount) bytes")
      columns[1].append(contentsOf: id)
      columns[1].append(contentsOf: repeatElement(0, count: idByteCount - id.count))
      append(row.sourceIndex, to: 2)
      append(row.viewIndex, to: 3)
    }
    return columns
  }
}
