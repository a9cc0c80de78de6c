import Compute
import Foundation
import TokenStore

/// Rows of ViT-B/16 into a fresh shard, on one thread, against plain writes of as many bytes into a fresh file.
enum RowWriting {
  private static let rowCount = 256
  private static let passes = 5

  static func measure(_ stopwatch: Stopwatch, _ scratch: ScratchFolder, _ report: inout Report) throws {
    let rows = (0..<rowCount).map { RowIdentity(id: "\($0).jpg", label: 0, sourceIndex: UInt64($0)) }
    let cacheConfiguration = configuration(RowIdentity.listingSHA256(of: rows))
    var best = (rows: 0.0, plain: 0.0)
    var rowByteCount = 0
    // Files are removed after each pass, so that both write into memory that the system has given out before.
    for _ in 0..<passes {
      let folder = scratch.path + "/cache"
      defer { try? FileManager.default.removeItem(atPath: folder) }
      let writer = try CacheWriter(
        folder: folder, configuration: cacheConfiguration, rows: rows,
        shardSize: rowCount, parallel: stopwatch.parallel)
      guard let shard = try writer.openShard(0) else {
        preconditionFailure("a fresh cache has a finished shard")
      }
      rowByteCount = writer.layout.rowByteCount
      let bytes = Double(rowCount * rowByteCount)
      let payload = Payload()
      let buffer = RowBuffer(layout: writer.layout)
      best.rows = max(
        best.rows,
        bytes
          / (try Stopwatch.time {
            for row in 0..<rowCount {
              try payload.fill(buffer)
              try shard.write(row: row, buffer)
            }
          }))
      best.plain = max(best.plain, bytes / (try plainSeconds(scratch, rowByteCount)))
    }
    let kilobytes = rowByteCount / 1000
    report.add(
      "row of \(kilobytes) kB: convert, check, crc32, write", best.rows, .bytes,
      of: ("write alone", best.plain))
    report.add("the same in images", best.rows / Double(rowByteCount), .images)
  }

  private static func plainSeconds(_ scratch: ScratchFolder, _ rowByteCount: Int) throws -> Double {
    let row = [UInt8](repeating: 1, count: rowByteCount)
    let file = try PlainFile(scratch.path + "/rows", byteCount: rowCount * rowByteCount)
    defer { file.remove() }
    return try Stopwatch.time {
      for index in 0..<rowCount { try file.write(row, at: index * rowByteCount) }
    }
  }

  /// What an encoder leaves of an image.
  private struct Payload {
    let tokens = randomBuffer(Base.tokenCount * Base.width)
    let classAttention = randomBuffer(Base.headCount * Base.patchCount)
    let centerAttention = randomBuffer(RowLayout.centerCount * Base.patchCount)
    let statistics = randomBuffer(Base.depth * Base.headCount * RowLayout.attentionStatisticCount)
    let magnitudes = randomBuffer(Base.depth * 2)

    func fill(_ buffer: RowBuffer) throws {
      try buffer.setTokens(tokens.pointer, blockIndex: 0)
      try buffer.setClassAttention(classAttention.pointer)
      try buffer.setCenterAttention(centerAttention.pointer)
      try buffer.setAttentionStatistics(statistics.pointer)
      try buffer.setMagnitudes(magnitudes.pointer)
    }
  }

  private static func configuration(_ listingSHA256: String) -> CacheConfiguration {
    CacheConfiguration(
      model: .init(
        name: "vit_base_patch16", imageHeight: Base.side, imageWidth: Base.side, patchHeight: Base.patch,
        patchWidth: Base.patch, gridHeight: Base.side / Base.patch, gridWidth: Base.side / Base.patch,
        width: Base.width, depth: Base.depth, headCount: Base.headCount, mlpWidth: Base.mlpWidth,
        activation: "gelu", layerNormEpsilon: 1e-6, hasClassToken: true, prefixTokenCount: 1),
      checkpoint: .init(
        fileName: "random", sha256: String(repeating: "0", count: 64), dialect: "timm", key: nil),
      blocks: [Base.depth - 1], finalNorm: nil,
      preprocessing: .init(
        resize: 256, crop: Base.side, interpolation: "bicubic", mean: [0, 0, 0], std: [1, 1, 1]),
      dataset: .init(split: nil, imageCount: rowCount, classNames: [], listingSHA256: listingSHA256),
      precision: .init(compute: .float32, tokens: .float16),
      augmentation: .init(name: "none", views: 1, seed: 0), programVersion: "benchmark")
  }
}
