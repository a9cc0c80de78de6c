import Files

/// Which image and view a row of a cache holds: known for all rows before the first one is encoded.
public struct RowIdentity: Equatable, Sendable {
  /// The image's path relative to the data set's root.
  public var id: String
  /// The image's class, -1 where it has none.
  public var label: Int32
  /// The image's place in the data set.
  public var sourceIndex: UInt64
  /// Which view of the image it is, from 0.
  public var viewIndex: UInt16

  public init(id: String, label: Int32, sourceIndex: UInt64, viewIndex: UInt16 = 0) {
    self.id = id
    self.label = label
    self.sourceIndex = sourceIndex
    self.viewIndex = viewIndex
  }

  /// The digest that tells one listing of rows from another: SHA-256 over each row's id in UTF-8, a zero byte, label,
  /// source index and view index (little-endian, 4, 8 and 2 bytes).
  public static func listingSHA256(of rows: some Sequence<RowIdentity>) -> String {
    var hash = SHA256()
    var bytes = [UInt8]()
    for row in rows {
      bytes.removeAll(keepingCapacity: true)
      bytes.append(contentsOf: row.id.utf8)
      bytes.append(0)
      withUnsafeBytes(of: row.label.littleEndian) { bytes.append(contentsOf: $0) }
      withUnsafeBytes(of: row.sourceIndex.littleEndian) { bytes.append(contentsOf: $0) }
      withUnsafeBytes(of: row.viewIndex.littleEndian) { bytes.append(contentsOf: $0) }
      bytes.withUnsafeBytes { hash.update($0) }
    }
    return hash.hexadecimal()
  }
}

/// What a row holds, as the dataset `row_state` says.
public enum RowState: UInt8, Sendable {
  /// Not yet written; never in a finished shard.
  case empty = 0
  case good = 1
  /// The image could not be decoded: the row's tokens, attention and statistics are zero.
  case undecodable = 2
}
