import Compute
import Files
import Tensors

/// The file of a head's class scores: `logits` [N, C] and `rows` [N], the cache's rows.
struct LogitsFile {
  private let file: AtomicFileWriter

  /// - Throws: where no such file can be written.
  init(_ path: String, rows: [Int], classCount: Int) throws {
    file = try AtomicFileWriter(path)
    let header = Safetensors.header([
      ("rows", .int64, [rows.count]), ("logits", .float32, [rows.count, classCount]),
    ])
    try header.withUnsafeBytes { try file.append($0) }
    for row in rows { try withUnsafeBytes(of: Int64(row).littleEndian) { try file.append($0) } }
  }

  /// - Parameter logits: [B, C], of the next rows.
  func append(_ logits: UnsafeBufferPointer<Float>) throws { try file.append(UnsafeRawBufferPointer(logits)) }

  /// All rows have been appended.
  func commit() throws { try file.commit() }
}
