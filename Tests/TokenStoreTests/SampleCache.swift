import CZlib
import Compute
import Files
import Foundation
import TestSupport
import TokenStore

/// A small cache whose every value is fixed by its row.
struct SampleCache {
  var configuration: CacheConfiguration
  var rows: [RowIdentity]
  var shardSize = 4
  /// The rows whose image counts as undecodable.
  var undecodable: Set<Int>

  init(
    rowCount: Int = 10, tokens: ElementType = .float16, blocks: [Int] = [0, 2], hasClassToken: Bool = true,
    classNames: [String] = ["bäume", "cat", "dog"], undecodable: Set<Int> = [5]
  ) {
    self.undecodable = undecodable
    rows = (0..<rowCount).map { row in
      RowIdentity(
        id: "class\(row % 3)/imäge-\(row / 2).png", label: Int32(row % 4) - 1, sourceIndex: UInt64(row / 2),
        viewIndex: UInt16(row % 2))
    }
    let digest = String(repeating: "c0ffee00", count: 8)
    configuration = CacheConfiguration(
      model: CacheConfiguration.Model(
        name: "vit_sample_patch4", imageHeight: 12, imageWidth: 8, patchHeight: 4, patchWidth: 4,
        gridHeight: 3,
        gridWidth: 2, width: 5, depth: 3, headCount: 2, mlpWidth: 20, activation: "gelu",
        layerNormEpsilon: 1e-6,
        hasClassToken: hasClassToken, prefixTokenCount: hasClassToken ? 1 : 0),
      checkpoint: CacheConfiguration.Checkpoint(
        fileName: "sample.pth", sha256: digest, dialect: "timm", key: "model"),
      blocks: blocks,
      finalNorm: CacheConfiguration.FinalNorm(
        weight: [0.1, 1, 1.5, -2, 3e-7], bias: [0, 0.25, -1, 7, 1], epsilon: 1e-6),
      preprocessing: CacheConfiguration.Preprocessing(
        resize: 14, crop: 12, interpolation: "bicubic", mean: [0.485, 0.456, 0.406],
        std: [0.229, 0.224, 0.225]),
      dataset: CacheConfiguration.Dataset(
        split: "train", imageCount: (rowCount + 1) / 2, classNames: classNames,
        listingSHA256: RowIdentity.listingSHA256(of: rows)),
      precision: CacheConfiguration.Precision(
        compute: .float32, tokens: tokens,
        channelScales: tokens == .int8 ? blocks.map { [0.5, 1, 3, 0.01, Float($0 + 1)] } : nil),
      augmentation: CacheConfiguration.Augmentation(name: "none", views: 2, seed: .max),
      programVersion: "0.1.0")
  }

  var layout: RowLayout {
    RowLayout(configuration: configuration, idByteCount: rows.map(\.id.utf8.count).max()!)
  }

  /// The values of a row in a payload dataset, before they are rounded to the stored type.
  func values(row: Int, dataset: Int) -> [Float] {
    var generator = SeededGenerator(seed: UInt64(dataset), stream: UInt64(row))
    return (0..<layout.payload[dataset].elementCount).map { _ in Float(generator.uniform(-3, 3)) }
  }

  func fill(_ buffer: RowBuffer, row: Int) throws {
    for (index, dataset) in layout.payload.enumerated() {
      let values = values(row: row, dataset: index)
      switch dataset.name {
      case "tokens": try buffer.setTokens(values, blockIndex: configuration.blocks.count - 1)
      case let name where name.hasSuffix("_scale"): break  // comes with its tokens
      case "cls_attention": try buffer.setClassAttention(values)
      case "center_attention": try buffer.setCenterAttention(values)
      case "attention_stats": try buffer.setAttentionStatistics(values)
      case "magnitudes": try buffer.setMagnitudes(values)
      case let name:
        let block = Int(name.dropFirst("tokens_block_".count))!
        try buffer.setTokens(values, blockIndex: configuration.blocks.firstIndex(of: block)!)
      }
    }
  }

  func write(row: Int, to shard: ShardWriter, _ buffer: RowBuffer) throws {
    guard !undecodable.contains(row) else { return try shard.writeUndecodable(row: row) }
    try fill(buffer, row: row)
    try shard.write(row: row, buffer)
  }

  /// Writes what is left of a shard.
  func fill(_ shard: ShardWriter) throws {
    let buffer = RowBuffer(layout: layout)
    for row in shard.remainingRows { try write(row: row, to: shard, buffer) }
    try shard.finish()
  }

  func writer(
    _ folder: String, share: ShardShare = .whole, threadCount: Int = 1
  ) throws -> CacheWriter {
    try CacheWriter(
      folder: folder, configuration: configuration, rows: rows, shardSize: shardSize, share: share,
      parallel: Parallel(threadCount: threadCount))
  }

  /// Writes a share of the cache, or what is left to do of it, and completes the cache if nothing is missing then.
  ///
  /// - Returns: nil where shards of others are missing.
  @discardableResult
  func write(_ share: ShardShare, to folder: String) throws -> CacheManifest? {
    let writer = try writer(folder, share: share)
    for index in writer.shareShards {
      if let shard = try writer.openShard(index) { try fill(shard) }
    }
    return try writer.finishShare()
  }

  /// Writes the whole cache, or what is left to do of it.
  ///
  /// - Parameter order: of the rows of each shard; by default as they are.
  @discardableResult
  func write(
    to folder: String, threadCount: Int = 1, order: ([Int]) -> [Int] = { $0 }
  ) throws -> CacheManifest {
    let writer = try writer(folder, threadCount: threadCount)
    let parallel = Parallel(threadCount: threadCount)
    for index in 0..<writer.shardCount {
      guard let shard = try writer.openShard(index) else { continue }
      let rows = order(shard.remainingRows)
      try parallel.forEach(rows.count) { index, _ in
        try write(row: rows[index], to: shard, RowBuffer(layout: writer.layout))
      }
      try shard.finish()
    }
    return try writer.finish()
  }

  /// A cache of the default sample in a folder of its own: a copy of one that was written once.
  static func standard() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    for (name, content) in try standardFiles.get() { try folder.write(content, to: name) }
    return folder
  }

  private static let standardFiles = Result {
    let folder = try SampleCache().written()
    return try withExtendedLifetime(folder) { try contents(ofFolder: folder.path) }
  }

  /// A cache of this sample in a folder of its own.
  func written() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try write(to: folder.path)
    return folder
  }
}

extension SampleCache {
  /// A cache of tokens in 8 bits whose row 7 someone has changed, and signed everything anew.
  ///
  /// - Parameter change: of the row's bytes, by dataset.
  static func quantized(change: (_ row: inout [String: [UInt8]]) -> Void) throws -> TemporaryFolder {
    let sample = SampleCache(tokens: .int8)
    let folder = try sample.written()
    var manifest = try CacheManifest.read(folder.path)
    let shard = manifest.shards[1]
    var content = try bytes(ofFile: folder.file(shard.name))
    func range(_ dataset: String) -> Range<Int> {
      let placement = shard.datasets[dataset]!
      let start = placement.offset + 3 * placement.byteCount / 4
      return start..<start + placement.byteCount / 4
    }
    var row = shard.datasets.mapValues { _ in [UInt8]() }
    for name in row.keys { row[name] = Array(content[range(name)]) }
    change(&row)
    let checksum = sample.layout.datasets.dropLast().reduce(UInt(0)) { checksum, dataset in
      crc32_z(checksum, row[dataset.name]!, row[dataset.name]!.count)
    }
    row["row_crc32"] = littleEndian(UInt32(checksum))
    for (name, bytes) in row { content.replaceSubrange(range(name), with: bytes) }
    try folder.write(content, to: shard.name)
    manifest.shards[1].sha256 = try SHA256.hexadecimal(ofFile: folder.file(shard.name))
    try manifest.write(folder.path)
    return folder
  }
}

func littleEndian(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }

/// What a kill or a power cut can leave in a cache: torn rows, torn skeletons and records, files that are not whole.
enum Wreckage {
  static func leave(in folder: TemporaryFolder, _ generator: inout SeededGenerator) throws {
    for name in try Folder.fileNames(folder.path) where name.hasPrefix("shard-") {
      if name.hasSuffix(".h5.partial") {
        try folder.write(torn(try bytes(ofFile: folder.file(name)), &generator), to: name)
        try folder.write([1, 2], to: name.replacing(".partial", with: ".skeleton.0123456789abcdef.partial"))
      }
      if name.hasSuffix(".json"), generator.bounded(3) == 0 {
        try folder.write(torn(try bytes(ofFile: folder.file(name)), &generator), to: name)
      }
    }
    for name in ["manifest.json", "attention-stats.json", "README.md", "shard-00001.json"] {
      try folder.write([1], to: name + ".00deadbeef00cafe.partial")
    }
    try folder.write([2], to: "manifest.json.partial")
    if generator.bounded(8) == 0 { try folder.write([], to: "attention-stats.json") }
  }

  private static func torn(_ content: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
    var content = content
    guard !content.isEmpty else { return content }
    switch generator.bounded(6) {
    case 0: content.removeLast(Int(generator.bounded(UInt64(content.count + 1))))
    case 1: content[Int(generator.bounded(UInt64(content.count)))] ^= 0x10
    case 2, 3:
      let start = Int(generator.bounded(UInt64(content.count)))
      for index in start..<min(content.count, start + 3000) {
        content[index] = UInt8(truncatingIfNeeded: generator.next())
      }
    default: break
    }
    return content
  }
}

/// Every file of a folder, by name.
func contents(ofFolder path: String) throws -> [String: [UInt8]] {
  let names = try FileManager.default.contentsOfDirectory(atPath: path)
  return Dictionary(uniqueKeysWithValues: try names.map { ($0, try bytes(ofFile: path + "/" + $0)) })
}

/// The error that a body throws, as its one line; nil where it throws none.
func errorText(_ body: () throws -> Void) -> String? {
  do {
    try body()
    return nil
  } catch {
    return "\(error)"
  }
}
