import Files

extension CacheManifest {
  package static let maximumShardSize = 1 << 20
  private static let maximumRowCount = 1 << 40

  /// Throws where the manifest contradicts itself or the format. Afterwards every name, size and offset in it can be
  /// used as it is: names are those of shards, datasets lie inside their files.
  func validate(_ path: String) throws(InputError) {
    try configuration.validate(path)
    guard rowCount >= 1, rowCount <= Self.maximumRowCount else {
      throw InputError(path, "rows is \(rowCount)")
    }
    guard shardSize >= 1, shardSize <= Self.maximumShardSize else {
      throw InputError(path, "shard_size is \(shardSize)")
    }
    guard shards.count <= plannedShardCount else {
      throw InputError(path, "lists \(shards.count) shards; \(rowCount) rows make \(plannedShardCount)")
    }
    if let first = shards.first {
      let layout = try layout(of: first, path)
      var previous = -1
      for shard in shards {
        previous = try validate(shard, after: previous, path)
        try layout.requireFits(
          shard.datasets, rowCount: shard.rowCount, fileByteCount: shard.byteCount, "\(path), \(shard.name)")
      }
    }
    guard shards.reduce(0, { $0 + $1.undecodableRowCount }) == undecodableRowCount else {
      throw InputError(path, "undecodable_rows is not the sum over the shards")
    }
    if state == .complete {
      guard shards.count == plannedShardCount else {
        throw InputError(
          path, "says that the cache is complete, yet lists \(shards.count) of \(plannedShardCount) shards")
      }
      guard let digest = attentionStatisticsSHA256, isDigest(digest) else {
        throw InputError(path, "has no digest of \(AttentionStatisticsSummary.fileName)")
      }
    }
  }

  /// - Returns: the shard's index.
  private func validate(_ shard: Shard, after previous: Int, _ path: String) throws(InputError) -> Int {
    let index = shard.rowStart / shardSize
    guard shard.rowStart >= 0, shard.rowStart < rowCount, index > previous,
      shard.rowStart == index * shardSize, shard.rowCount == rows(ofShard: index).count
    else {
      throw InputError(
        path, "lists a shard of \(shard.rowCount) rows at row \(shard.rowStart), where none belongs")
    }
    guard shard.name == Self.shardName(index) else {
      throw InputError(path, "calls shard \(index) '\(shard.name)' instead of \(Self.shardName(index))")
    }
    guard isDigest(shard.sha256), shard.byteCount > 0,
      (0...shard.rowCount).contains(shard.undecodableRowCount)
    else { throw InputError(path, "says something impossible of \(shard.name)") }
    return index
  }

  /// The layout that the configuration asks for, with the size of ids that a shard says it has.
  func layout(of shard: Shard, _ path: String) throws(InputError) -> RowLayout {
    guard case .text(let idByteCount)? = shard.datasets[RowLayout.ids]?.type else {
      throw InputError(path, "has no texts in the dataset \(RowLayout.ids) of \(shard.name)")
    }
    return RowLayout(configuration: configuration, idByteCount: idByteCount)
  }
}

extension RowLayout {
  /// Throws where a shard's datasets have other channel scales than this layout's.
  func requireScales(of skeleton: ShardSkeleton, _ subject: String) throws(InputError) {
    let names = Set(skeleton.channelScales.keys).union(channelScales.keys).sorted()
    guard let name = names.first(where: { skeleton.channelScales[$0] != channelScales[$0] }) else { return }
    throw InputError(
      subject, "the attribute \(HDF5.channelScale) of its dataset \(name) is not what its settings have")
  }

  /// Throws where placements are not exactly this layout's datasets, each inside a file.
  func requireFits(
    _ placements: [String: CacheManifest.Placement], rowCount: Int, fileByteCount: Int, _ subject: String
  ) throws(InputError) {
    if let name = placements.keys.sorted().first(where: { index(of: $0) == nil }) {
      throw InputError(subject, "has a dataset \(name), which its configuration does not have")
    }
    for dataset in datasets {
      guard let placement = placements[dataset.name] else {
        throw InputError(subject, "lacks the dataset \(dataset.name)")
      }
      let shape = [rowCount] + dataset.rowShape
      guard placement.type == dataset.type, placement.shape == shape else {
        throw InputError(
          subject,
          "its dataset \(dataset.name) is \(placement.type) of shape \(placement.shape) instead of "
            + "\(dataset.type) of shape \(shape)")
      }
      guard placement.offset >= 0, placement.offset <= fileByteCount,
        placement.byteCount <= fileByteCount - placement.offset
      else { throw InputError(subject, "its dataset \(dataset.name) does not lie inside the file") }
      guard placement.offset.isMultiple(of: dataset.type.alignment) else {
        throw InputError(subject, "its dataset \(dataset.name) is not aligned to its elements")
      }
    }
  }
}
