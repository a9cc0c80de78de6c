import Compute
import Foundation
import TokenStore

/// Training and validation caches of random tokens in which a few patches tell the class.
public struct SampleCaches {
  public let folder: TemporaryFolder
  public static let width = 8
  public static let classNames = ["cat", "dog", "eel"]

  public init() throws {
    folder = try TemporaryFolder()
    try write("train", rowCount: 70)
    try write("val", rowCount: 30)
  }

  public var train: String { folder.file("train") }
  public var validation: String { folder.file("val") }

  /// - Parameters:
  ///   - images: the cache whose tokens these are; by default its own.
  ///   - views: rows of each image, one after the other.
  ///   - patchValue: what all patches are, for tokens that no head was trained for.
  ///   - change: what is different from the other caches.
  public func write(
    _ name: String, rowCount: Int, as images: String? = nil, views: Int = 1, undecodable: Set<Int> = [3],
    unlabelled: Set<Int> = [5], patchValue: Float? = nil,
    change: (inout CacheConfiguration) -> Void = { _ in }
  ) throws {
    let rows = (0..<rowCount).map { row in
      RowIdentity(
        id: "\(name)/\(row / views).jpg", label: unlabelled.contains(row) ? -1 : Int32(row / views % 3),
        sourceIndex: UInt64(row / views), viewIndex: UInt16(row % views))
    }
    var configuration = Self.configuration(name, rows)
    change(&configuration)
    let writer = try CacheWriter(
      folder: folder.file(name), configuration: configuration, rows: rows, shardSize: 32)
    let buffer = RowBuffer(layout: writer.layout)
    for index in 0..<writer.shardCount {
      guard let shard = try writer.openShard(index) else { continue }
      for row in shard.remainingRows {
        if undecodable.contains(row) {
          try shard.writeUndecodable(row: row)
        } else {
          try fill(buffer, images ?? name, row, configuration, patchValue)
          try shard.write(row: row, buffer)
        }
      }
      try shard.finish()
    }
    _ = try writer.finish()
  }

  /// The cache of an encoder that is half as wide again, of the same images in the opposite order.
  public func writeReordered(_ name: String, as images: String, rowCount: Int) throws {
    let rows = (0..<rowCount).reversed().map { row in
      RowIdentity(
        id: "\(images)/\(row).jpg", label: Int32(row % 3), sourceIndex: UInt64(rowCount - 1 - row),
        viewIndex: 0)
    }
    var configuration = Self.configuration(name, rows)
    configuration.model.width = 12
    configuration.checkpoint.sha256 = String(repeating: "0ddba115", count: 8)
    let channels = (0..<12).map { Float($0) }
    configuration.finalNorm = .init(
      weight: channels.map { ($0 + 2) / 8 }, bias: channels.map { -$0 / 4 }, epsilon: 1e-6)
    let writer = try CacheWriter(
      folder: folder.file(name), configuration: configuration, rows: rows, shardSize: 32)
    let buffer = RowBuffer(layout: writer.layout)
    for index in 0..<writer.shardCount {
      guard let shard = try writer.openShard(index) else { continue }
      for row in shard.remainingRows {
        try fill(buffer, name, row, configuration)
        try shard.write(row: row, buffer)
      }
      try shard.finish()
    }
    _ = try writer.finish()
  }

  private func fill(
    _ buffer: RowBuffer, _ name: String, _ row: Int, _ configuration: CacheConfiguration,
    _ patchValue: Float? = nil
  ) throws {
    var generator = SeededGenerator(seed: UInt64(row), stream: name == "val" ? 1 : 0)
    let model = configuration.model
    func draw(_ count: Int) -> [Float] { (0..<count).map { _ in Float(generator.normal()) } }
    var tokens = draw(model.tokenCount * model.width)
    let place = 1 + Int(generator.bounded(UInt64(model.patchCount)))
    tokens[place * model.width + row % 3] += 6
    if let patchValue {
      let first = model.prefixTokenCount * model.width
      tokens.replaceSubrange(first..., with: repeatElement(patchValue, count: tokens.count - first))
    }
    // The last block is the one that heads see.
    for index in configuration.blocks.indices {
      let isLast = index == configuration.blocks.count - 1
      try buffer.setTokens(isLast ? tokens : draw(tokens.count), blockIndex: index)
    }
    try buffer.setClassAttention(draw(model.headCount * model.patchCount))
    try buffer.setCenterAttention(draw(4 * model.patchCount))
    try buffer.setAttentionStatistics(draw(model.depth * model.headCount * 8))
    try buffer.setMagnitudes(draw(model.depth * 2))
  }

  private static var finalNorm: CacheConfiguration.FinalNorm {
    let channels = (0..<width).map { Float($0) }
    return .init(weight: channels.map { ($0 + 1) / 4 }, bias: channels.map { $0 / 8 }, epsilon: 1e-6)
  }

  private static func configuration(_ name: String, _ rows: [RowIdentity]) -> CacheConfiguration {
    CacheConfiguration(
      model: .init(
        name: "sample", imageHeight: 6, imageWidth: 4, patchHeight: 2, patchWidth: 2, gridHeight: 3,
        gridWidth: 2,
        width: width, depth: 2, headCount: 2, mlpWidth: 16, activation: "gelu", layerNormEpsilon: 1e-6,
        hasClassToken: true, prefixTokenCount: 1),
      checkpoint: .init(
        fileName: "sample.pth", sha256: String(repeating: "c0ffee00", count: 8), dialect: "timm", key: nil),
      blocks: [1],
      finalNorm: finalNorm,
      preprocessing: .init(resize: 7, crop: 6, interpolation: "bicubic", mean: [0, 0, 0], std: [1, 1, 1]),
      dataset: .init(
        split: name, imageCount: rows.count, classNames: classNames,
        listingSHA256: RowIdentity.listingSHA256(of: rows)),
      precision: .init(compute: .float32, tokens: .float16),
      augmentation: .init(name: "none", views: 1, seed: 0), programVersion: "test")
  }
}
