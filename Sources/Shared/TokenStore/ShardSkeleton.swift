import Files

/// What a shard says about itself, in attributes of its root.
package struct ShardAttributes: Equatable, Sendable {
  package var schema: String
  package var schemaVersion: Int
  package var configurationJSON: String
  package var shardIndex: Int
  /// The shard's first row, counted over the whole cache.
  package var rowStart: Int

  package init(
    schema: String = CacheManifest.schemaName, schemaVersion: Int = CacheManifest.currentVersion,
    configurationJSON: String, shardIndex: Int, rowStart: Int
  ) {
    self.schema = schema
    self.schemaVersion = schemaVersion
    self.configurationJSON = configurationJSON
    self.shardIndex = shardIndex
    self.rowStart = rowStart
  }
}

/// A shard without its rows: where its datasets are, and its attributes.
package struct ShardSkeleton: Equatable, Sendable {
  /// The size of the whole file.
  package var byteCount: Int
  package var placements: [String: CacheManifest.Placement]
  /// The attribute `channel_scale` of each dataset that has it.
  package var channelScales: [String: [Float]]
  package var attributes: ShardAttributes
}

extension CacheManifest.Placement {
  /// The size of the dataset in bytes. Only for a shape that is known to fit into a file.
  package var byteCount: Int { shape.reduce(type.byteCount, *) }
  var end: Int { offset + byteCount }
}

/// A skeleton as this program writes it, with its bytes: what a `.partial` shard is made from and compared with.
///
/// The bytes outside of the datasets are HDF5's own. A file with the same ones at the same places, and the right size,
/// has the same datasets, attributes and configuration.
struct SkeletonTemplate: Sendable {
  let skeleton: ShardSkeleton
  /// The ranges of the file that belong to no dataset, with their bytes.
  private let metadata: [(offset: Int, bytes: [UInt8])]

  /// - Parameter path: a file that may be overwritten; it is gone afterwards.
  init(
    scratch path: String, layout: RowLayout, rowCount: Int, attributes: ShardAttributes
  ) throws(InputError) {
    defer { Folder.remove(path) }
    try HDF5.writeSkeleton(to: path, datasets: layout.datasets, rowCount: rowCount, attributes: attributes)
    let skeleton = try HDF5.readSkeleton(of: path)
    precondition(
      skeleton.attributes == attributes
        && skeleton.placements == layout.placements(like: skeleton, rowCount: rowCount)
        && skeleton.channelScales == layout.channelScales,
      "libhdf5 wrote another skeleton than it was asked to")
    let file = try Descriptor(path, .read)
    var metadata: [(Int, [UInt8])] = []
    var end = 0
    for placement in skeleton.placements.values.sorted(by: { $0.offset < $1.offset }) {
      metadata.append((end, try file.bytes(in: end..<placement.offset)))
      end = placement.end
    }
    metadata.append((end, try file.bytes(in: end..<skeleton.byteCount)))
    self.skeleton = skeleton
    self.metadata = metadata
  }

  /// Whether a file has this skeleton, whatever its rows are.
  func matches(_ file: Descriptor) throws(InputError) -> Bool {
    guard try file.size() == skeleton.byteCount else { return false }
    for (offset, bytes) in metadata where try file.bytes(in: offset..<offset + bytes.count) != bytes {
      return false
    }
    return true
  }

  /// Makes a new file this skeleton, with zeros for its rows.
  func write(to file: Descriptor) throws(InputError) {
    try file.resize(byteCount: skeleton.byteCount)
    for (offset, bytes) in metadata { try file.write(bytes, at: offset) }
  }
}

extension RowLayout {
  /// The placements that this layout has at the offsets of a skeleton; what the skeleton lacks has offset -1.
  func placements(like skeleton: ShardSkeleton, rowCount: Int) -> [String: CacheManifest.Placement] {
    Dictionary(
      uniqueKeysWithValues: datasets.map { dataset in
        let offset = skeleton.placements[dataset.name]?.offset ?? -1
        return (
          dataset.name,
          CacheManifest.Placement(offset: offset, type: dataset.type, shape: [rowCount] + dataset.rowShape)
        )
      })
  }
}

extension Descriptor {
  func bytes(in range: Range<Int>) throws(InputError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: range.count)
    let result = bytes.withUnsafeMutableBytes { buffer in
      Result { () throws(InputError) in try read(into: buffer, at: range.lowerBound) }
    }
    try result.get()
    return bytes
  }
}
