import Compute
import Files
import Foundation
import TestSupport
import TokenStore

/// Caches whose every token tells which cache, image and view it is of.
struct TinyCaches {
  let folder: TemporaryFolder
  static let classNames = ["ant", "bee", "cat"]
  static let (gridHeight, gridWidth, width, headCount) = (2, 3, 4, 2)

  init() throws { folder = try TemporaryFolder() }

  /// - Parameters:
  ///   - labels: of each image; by default the images take turns. -1 for none.
  ///   - views: rows of each image, one after the other.
  ///   - prefix: of the images' ids.
  ///   - number: which tokens tell.
  ///   - order: of the rows, where they are not to be in that of the images.
  @discardableResult func write(
    _ name: String, images: Int, views: Int = 1, labels: [Int32]? = nil, undecodable: Set<Int> = [],
    prefix: String = "", number: Int = 0, shardSize: Int = 8, order: [Int]? = nil,
    change: (inout CacheConfiguration) -> Void = { _ in }
  ) throws -> TokenCache {
    let all = (0..<images * views).map { row in
      RowIdentity(
        id: "\(prefix)\(row / views).jpg", label: labels?[row / views] ?? Int32(row / views % 3),
        sourceIndex: UInt64(row / views), viewIndex: UInt16(row % views))
    }
    let rows = order.map { $0.map { all[$0] } } ?? all
    var configuration = Self.configuration(rows, views: views)
    change(&configuration)
    let writer = try CacheWriter(
      folder: folder.file(name), configuration: configuration, rows: rows, shardSize: shardSize)
    let buffer = RowBuffer(layout: writer.layout)
    for index in 0..<writer.shardCount {
      let shard = try writer.openShard(index)!
      for row in shard.remainingRows {
        let identity = rows[row]
        if undecodable.contains(Int(identity.sourceIndex)) {
          try shard.writeUndecodable(row: row)
          continue
        }
        try fill(buffer, Float(number), Float(identity.sourceIndex), Float(identity.viewIndex), configuration)
        try shard.write(row: row, buffer)
      }
      try shard.finish()
    }
    _ = try writer.finish()
    return try TokenCache(folder.file(name))
  }

  private func fill(
    _ buffer: RowBuffer, _ cache: Float, _ image: Float, _ view: Float, _ configuration: CacheConfiguration
  ) throws {
    let model = configuration.model
    func values(_ count: Int, _ last: Float) -> [Float] {
      (0..<count).map { [cache, image, view, last][$0 % 4] }
    }
    for (index, block) in configuration.blocks.enumerated() {
      try buffer.setTokens(values(model.tokenCount * model.width, Float(block)), blockIndex: index)
    }
    if model.hasClassToken {
      try buffer.setClassAttention(values(model.headCount * model.patchCount, 5))
    }
    try buffer.setCenterAttention(values(4 * model.patchCount, 6))
    try buffer.setAttentionStatistics(values(model.depth * model.headCount * 8, 7))
    try buffer.setMagnitudes(values(model.depth * 2, 8))
  }

  private static func configuration(_ rows: [RowIdentity], views: Int) -> CacheConfiguration {
    CacheConfiguration(
      model: .init(
        name: "tiny", imageHeight: 4, imageWidth: 6, patchHeight: 2, patchWidth: 2, gridHeight: gridHeight,
        gridWidth: gridWidth, width: width, depth: 3, headCount: headCount, mlpWidth: 8, activation: "gelu",
        layerNormEpsilon: 1e-6, hasClassToken: true, prefixTokenCount: 1),
      checkpoint: .init(
        fileName: "tiny.pth", sha256: String(repeating: "c0ffee00", count: 8), dialect: "timm", key: nil),
      blocks: [2], finalNorm: nil,
      preprocessing: .init(resize: 8, crop: 6, interpolation: "bicubic", mean: [0, 0, 0], std: [1, 1, 1]),
      dataset: .init(
        split: nil, imageCount: rows.count / views, classNames: classNames,
        listingSHA256: RowIdentity.listingSHA256(of: rows)),
      precision: .init(compute: .float32, tokens: .float16),
      augmentation: .init(
        name: views > 1 ? "linprobe" : "none", views: views, seed: 0, hasCenterView: views > 1),
      programVersion: "test")
  }

  /// - Returns: the path of a text file with these lines.
  func write(_ text: String, to name: String) throws -> String {
    try folder.write(Array(text.utf8), to: name)
  }
}

/// What a tiny cache's token tells: cache, image, view, block.
func told(_ tokens: StoredTokens) -> [Int] {
  var values = [Float](repeating: 0, count: tokens.tokenCount * tokens.width)
  tokens.decode(into: &values)
  return values.prefix(4).map { Int($0.rounded()) }
}
