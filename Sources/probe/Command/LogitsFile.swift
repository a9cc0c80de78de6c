import Compute
import Files
import Tensors

/// The file of a head's class scores: `logits` [N, C] and `rows` [N], the cache's rows.
enum LogitsFile {
  static func write(_ logits: [Float], rows: [Int], classCount: Int, to path: String) throws {
    try Safetensors.write(
      [
        "logits": Tensor(logits, shape: [rows.count, classCount]),
        "rows": Tensor(
          owning: SharedBuffer(rows.flatMap { withUnsafeBytes(of: Int64($0).littleEndian) { Array($0) } }),
          elementType: .int64, shape: [rows.count]),
      ], metadata: [:], to: path)
  }
}
