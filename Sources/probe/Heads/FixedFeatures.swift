import Compute
import Files

/// Features without trained parameters, computed once.
public enum FixedFeatures {
  /// Images that are asked for at once.
  public static let spanLength = 512
  /// Images that a thread takes at a time.
  private static let chunkLength = 8

  /// Computes features of some rows in one pass: each image's tokens are read once, however many the features.
  ///
  /// - Parameters:
  ///   - features: any without trained parameters.
  ///   - rowCount: of all rows together.
  ///   - nextRows: gives the next rows of the source, nil behind the last. Whoever reads them may check them before, and let
  ///     go of them when it is called again.
  ///   - attentionFrom: another encoder's tokens of the same rows, for `dino`.
  ///   - norm: applied to tokens beforehand.
  ///   - folder: holds the features, in files without names; see ``FeatureMatrix``.
  ///   - shouldStop: asked before each call of `nextRows`.
  ///   - onProgress: told how many images are done, after each of its rows.
  /// - Returns: for each of the features [rowCount, W], in the order that the rows came in; nil where `shouldStop` said so.
  /// - Throws: what `nextRows` throws, and where the tokens have no such features, or the disk no room for them.
  public static func compute(
    _ features: [HeadDescription.Features], _ source: any TokenSource, rowCount: Int,
    attentionFrom attentionSource: (any TokenSource)? = nil, norm: TokenNorm? = nil, _ parallel: Parallel,
    folder: String, shouldStop: () -> Bool = { false }, onProgress: (_ images: Int) -> Void = { _ in },
    nextRows: () throws -> [Int]?
  ) throws -> [FeatureMatrix]? {
    let fixed = try features.map { name throws(InputError) in
      try FixedFeature(name, layout: source.layout)
    }
    let pass = try FixedPass(fixed, source, attentionFrom: attentionSource, norm: norm)
    let matrices = try fixed.map { feature throws(InputError) in
      try FeatureMatrix(rowCount: rowCount, width: feature.width, folder: folder)
    }
    var done = 0
    while true {
      if shouldStop() { return nil }
      guard let rows = try nextRows() else { break }
      let start = done
      try parallel.forEachChunk(of: rows.count, length: chunkLength) { _, range, _ in
        try pass.forEachImage(of: rows[range]) { index, image in
          for (feature, matrix) in zip(fixed, matrices) {
            try feature.write(image, into: matrix.pointer(row: start + range.lowerBound + index))
          }
        }
      }
      done += rows.count
      onProgress(done)
    }
    precondition(done == rowCount, "\(done) rows came where \(rowCount) were to")
    return matrices
  }

  /// The same of rows that need nobody to read them.
  ///
  /// - Parameter rows: of the source.
  public static func compute(
    _ features: [HeadDescription.Features], _ source: any TokenSource, rows: [Int],
    attentionFrom attentionSource: (any TokenSource)? = nil, norm: TokenNorm? = nil, _ parallel: Parallel,
    folder: String, shouldStop: () -> Bool = { false }, onProgress: (_ images: Int) -> Void = { _ in }
  ) throws -> [FeatureMatrix]? {
    var rest = rows[...]
    return try compute(
      features, source, rowCount: rows.count, attentionFrom: attentionSource, norm: norm, parallel,
      folder: folder, shouldStop: shouldStop, onProgress: onProgress
    ) {
      let next = Array(rest.prefix(spanLength))
      rest = rest.dropFirst(spanLength)
      return next.isEmpty ? nil : next
    }
  }
}

/// How images become what features are computed from.
struct FixedPass: Sendable {
  private let source: any TokenSource
  private let attentionSource: any TokenSource
  private let norm: TokenNorm?
  /// Those tokens that any of the features looks at.
  private let range: Range<Int>

  /// - Throws: where a feature needs the attention of another source and there is none.
  init(
    _ features: [FixedFeature], _ source: any TokenSource, attentionFrom: (any TokenSource)?, norm: TokenNorm?
  ) throws(InputError) {
    if attentionFrom == nil, let lacking = features.first(where: \.needsOtherAttention) {
      throw InputError(
        "--cls-features \(lacking.features.rawValue)",
        "needs the attention of another encoder's cache of the same images",
        remedy: "name it by --attention-from")
    }
    (self.source, self.norm) = (source, norm)
    attentionSource = attentionFrom ?? source
    let ranges = features.map(\.tokenRange)
    range = (ranges.map(\.lowerBound).min() ?? 0)..<(ranges.map(\.upperBound).max() ?? 0)
  }

  func forEachImage(
    of rows: ArraySlice<Int>, _ body: (_ index: Int, _ image: FixedImage) throws -> Void
  ) rethrows {
    let scratchCount = norm == nil ? 0 : source.tokenCount * source.width
    try withUnsafeTemporaryAllocation(of: Float.self, capacity: max(1, scratchCount)) { scratch in
      for (index, row) in rows.enumerated() {
        let image = FixedImage(
          source, row: row, attentionFrom: attentionSource, norm: norm, range: range,
          scratch: scratch.baseAddress!)
        try body(index, image)
      }
    }
  }
}
