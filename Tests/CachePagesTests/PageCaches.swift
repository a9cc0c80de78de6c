import Compute
import Files
import Foundation
import TestSupport
import TokenStore

/// A small cache whose statistics, attention and tokens follow from their places.
struct PageCache {
  var depth = 3
  var headCount = 2
  var hasClassToken = true
  var blocks = [1, 2]
  var imageCount = 12
  var classNames = ["ant", "<b>bee</b>"]
  /// The patch whose token is ten times as long as others, in every third image; nil for none.
  var outlier: Int? = 5

  static let (gridHeight, gridWidth, width) = (2, 4, 3)
  static var patchCount: Int { gridHeight * gridWidth }

  func identity(_ image: Int) -> RowIdentity {
    RowIdentity(
      id: "class\(image % 2)/\(image).jpg", label: Int32(image % 2), sourceIndex: UInt64(image), viewIndex: 0)
  }

  static func statistic(image: Int, block: Int, head: Int, index: Int) -> Float {
    Float(index + 1) * 0.01 + Float(block) * 0.1 + Float(head) * 0.02 + Float(image % 3) * 0.001
  }

  /// Of a token before it is stored: patches are 3 to 4 long, prefix tokens 20.
  func norm(image: Int, token: Int) -> Float {
    let prefix = hasClassToken ? 1 : 0
    if token < prefix { return 20 }
    if token - prefix == outlier, image.isMultiple(of: 3) { return 40 }
    return 3 + Float((image + token) % 5) * 0.25
  }

  @discardableResult func write(to path: String) throws -> TokenCache {
    let rows = (0..<imageCount).map(identity)
    let writer = try CacheWriter(
      folder: path, configuration: configuration(rows), rows: rows, shardSize: 5)
    let buffer = RowBuffer(layout: writer.layout)
    for index in 0..<writer.shardCount {
      let shard = try writer.openShard(index)!
      for row in shard.remainingRows {
        try fill(buffer, image: row)
        try shard.write(row: row, buffer)
      }
      try shard.finish()
    }
    _ = try writer.finish()
    return try TokenCache(path)
  }

  private func fill(_ buffer: RowBuffer, image: Int) throws {
    let tokenCount = Self.patchCount + (hasClassToken ? 1 : 0)
    // All of a token's length in one of its channels.
    let tokens = (0..<tokenCount).flatMap { token -> [Float] in [0, norm(image: image, token: token), 0] }
    for index in blocks.indices { try buffer.setTokens(tokens, blockIndex: index) }
    if hasClassToken {
      try buffer.setClassAttention(
        (0..<headCount * Self.patchCount).map { Float($0 % Self.patchCount) / 64 })
    }
    try buffer.setCenterAttention((0..<4 * Self.patchCount).map { Float($0) / 64 })
    let classes: Set<Int> = [0, 2, 4, 5, 6]
    try buffer.setAttentionStatistics(
      (0..<depth * headCount * 8).map { place in
        let (block, head, index) = (place / 8 / headCount, place / 8 % headCount, place % 8)
        guard hasClassToken || !classes.contains(index) else { return .nan }
        return Self.statistic(image: image, block: block, head: head, index: index)
      })
    try buffer.setMagnitudes((0..<depth * 2).map { $0 % 2 == 0 && !hasClassToken ? .nan : Float($0) + 0.5 })
  }

  private func configuration(_ rows: [RowIdentity]) -> CacheConfiguration {
    CacheConfiguration(
      model: .init(
        name: "tiny", imageHeight: 4, imageWidth: 8, patchHeight: 2, patchWidth: 2,
        gridHeight: Self.gridHeight, gridWidth: Self.gridWidth, width: Self.width, depth: depth,
        headCount: headCount, mlpWidth: 8, activation: "gelu", layerNormEpsilon: 1e-6,
        hasClassToken: hasClassToken, prefixTokenCount: hasClassToken ? 1 : 0),
      checkpoint: .init(
        fileName: "tiny.pth", sha256: String(repeating: "c0ffee00", count: 8), dialect: "timm", key: nil),
      blocks: blocks, finalNorm: nil,
      preprocessing: .init(
        resize: 4, crop: 4, interpolation: "bicubic", mean: [0, 0, 0], std: [1, 1, 1], resizeWidth: 8,
        cropWidth: 8),
      dataset: .init(
        split: nil, imageCount: rows.count, classNames: classNames,
        listingSHA256: RowIdentity.listingSHA256(of: rows)),
      precision: .init(compute: .float32, tokens: .float32),
      augmentation: .init(name: "none", views: 1, seed: 0), programVersion: "test")
  }
}
