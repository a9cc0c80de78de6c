import Compute
import Files
import Heads
import TokenStore

/// The rows of other caches that show the same views of the same images.
public struct MatchedRows: Sendable {
  public let other: CacheSet
  /// By row of the images' own caches; `.max` for a row that is not among the images.
  private let rows: [UInt32]

  /// - Parameter tokens: images in caches.
  /// - Throws: where the other caches hold views made otherwise, or an image is not there, could not be decoded or is
  ///   there twice.
  public init(_ tokens: LabelledTokens, in other: CacheSet) throws(InputError) {
    guard let caches = tokens.caches else { preconditionFailure("features in memory have no ids to match") }
    try Self.checkViews(caches, other)
    self.other = other
    let index = RowIndex(other)
    var rows = [UInt32](repeating: .max, count: caches.rowCount)
    for row in tokens.rows {
      let view = Self.view(caches, row)
      let found = index.rows(id: caches.idBytes(row: row))
        .filter { Self.view(other, $0) == view && other.isGood(row: $0) }
      guard found.count == 1 else {
        throw InputError(
          other.name,
          "holds \(found.isEmpty ? "no tokens" : "\(found.count) rows") of view \(view) of \(caches.id(row: row)), "
            + "an image of \(caches.name)",
          remedy: "extract both caches from the same images with the same settings of views")
      }
      rows[row] = UInt32(found[0])
    }
    self.rows = rows
  }

  /// - Parameter row: of one of the images.
  /// - Returns: the row of the other caches.
  public func row(_ row: Int) -> Int {
    precondition(rows[row] != .max, "row \(row) is none of the images that were matched")
    return Int(rows[row])
  }

  private static func view(_ caches: CacheSet, _ row: Int) -> UInt16 {
    let place = caches.place(row: row)
    return place.cache.identity(row: place.row).viewIndex
  }

  /// Views with the same number show the same only if they were drawn alike.
  private static func checkViews(_ caches: CacheSet, _ other: CacheSet) throws(InputError) {
    func drawing(_ cache: TokenCache) -> (name: String, seed: UInt64, hasCenterView: Bool) {
      let augmentation = cache.configuration.augmentation
      guard augmentation.name != "none" else { return ("none", 0, false) }
      return (augmentation.name, augmentation.seed, augmentation.hasCenterView)
    }
    let expected = drawing(caches.caches[0])
    for cache in caches.caches.dropFirst() + other.caches where drawing(cache) != expected {
      throw InputError(
        cache.path, "holds other views of images than \(caches.caches[0].path)",
        remedy: "extract both with the same --augmentation, --seed and --center-view")
    }
  }
}

/// The tokens of some images with the attention of another encoder, of the same images in another cache.
public struct BorrowedAttention: TokenSource {
  private let source: CacheSet
  let matched: MatchedRows

  /// - Throws: as ``MatchedRows``, and where the other caches have no attention from [cls], or of another grid of
  ///   patches or another part of the images.
  public init(_ tokens: LabelledTokens, from other: CacheSet) throws(InputError) {
    guard let source = tokens.caches else { preconditionFailure("features in memory have no ids to match") }
    let (own, others) = (source.layout, other.layout)
    guard others.hasClassToken, other.classAttention(row: 0) != nil else {
      throw InputError(
        other.name, "holds no attention from [cls] of block \(other.block)",
        remedy: "use a cache of an encoder with [cls], and its last block")
    }
    guard own.gridHeight == others.gridHeight, own.gridWidth == others.gridWidth else {
      throw InputError(
        other.name,
        "has \(others.gridHeight) x \(others.gridWidth) patches an image, where \(source.name) has "
          + "\(own.gridHeight) x \(own.gridWidth)",
        remedy: "extract it with an --input-size that gives the same grid")
    }
    let crops = [source, other].map { set in
      Double(set.encoder.preprocessing.crop) / Double(set.encoder.preprocessing.resize)
    }
    guard abs(crops[0] - crops[1]) < 0.01 else {
      throw InputError(
        other.name,
        "shows another part of the images than \(source.name): crop / resize is \(crops[1]), not \(crops[0])",
        remedy: "extract both with the same --crop-pct")
    }
    self.source = source
    matched = try MatchedRows(tokens, in: other)
  }

  public var layout: TokenLayout { source.layout }
  public func tokens(row: Int) -> StoredTokens { source.tokens(row: row) }
  public func centerAttention(row: Int) -> UnsafeRawBufferPointer? { source.centerAttention(row: row) }

  /// - Returns: [H, P] in float16, H of the other encoder.
  public func classAttention(row: Int) -> UnsafeRawBufferPointer? {
    matched.other.classAttention(row: matched.row(row))
  }
}
