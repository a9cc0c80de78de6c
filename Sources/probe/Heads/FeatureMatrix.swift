import Compute
import Files

/// One feature vector an image, in single precision: a source of one token. It lies in a file without a name, so that
/// memory does not grow with the number of images.
public final class FeatureMatrix: TokenSource {
  public let rowCount: Int
  public let layout: TokenLayout
  private let file: ScratchFile

  /// - Parameter folder: on a disk with room for rowCount x width x 4 bytes.
  /// - Throws: where it has not.
  public init(rowCount: Int, width: Int, folder: String) throws(InputError) {
    let (count, isTooMany) = rowCount.multipliedReportingOverflow(by: width * MemoryLayout<Float>.stride)
    guard !isTooMany else {
      throw InputError(folder, "features of \(rowCount) images, \(width) values each, fit no disk")
    }
    self.rowCount = rowCount
    layout = .vector(width: width)
    file = try ScratchFile(byteCount: count, in: folder)
  }

  /// Matrices of equally many rows side by side, [rows, the sum of their widths].
  ///
  /// - Parameter folder: on a disk with room for it.
  /// - Throws: where it has not.
  public convenience init(
    sideBySide parts: [FeatureMatrix], folder: String, _ parallel: Parallel
  ) throws {
    let rowCount = parts[0].rowCount
    precondition(parts.allSatisfy { $0.rowCount == rowCount }, "matrices of other rows")
    try self.init(rowCount: rowCount, width: parts.reduce(0) { $0 + $1.width }, folder: folder)
    try parallel.forEachChunk(of: rowCount, length: 64) { _, rows, _ in
      for row in rows {
        var out = self.pointer(row: row)
        for part in parts {
          out.update(from: part.pointer(row: row), count: part.width)
          out += part.width
        }
      }
    }
  }

  public func tokens(row: Int) -> StoredTokens {
    StoredTokens(.float32, pointer(row: row), tokenCount: 1, width: width)
  }

  /// [W], to be written by whoever computes the row.
  package func pointer(row: Int) -> UnsafeMutablePointer<Float> {
    precondition(row >= 0 && row < rowCount, "row \(row) is outside 0 ..< \(rowCount)")
    return file.bytes.baseAddress!.assumingMemoryBound(to: Float.self) + row * width
  }
}

extension TokenLayout {
  /// One vector an image, in the place of [cls].
  public static func vector(width: Int) -> TokenLayout {
    TokenLayout(prefixTokenCount: 1, hasClassToken: true, gridHeight: 0, gridWidth: 0, width: width)
  }
}
