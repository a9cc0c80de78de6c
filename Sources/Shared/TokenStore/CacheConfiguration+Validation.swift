import Files

extension CacheConfiguration {
  /// Throws where the configuration describes no cache that this program could have made or could hold. The bounds
  /// also keep every size that is computed from a configuration within 64 bits.
  ///
  /// - Parameter subject: where the configuration comes from.
  package func validate(_ subject: String) throws(InputError) {
    func require(_ condition: Bool, _ reason: @autoclosure () -> String) throws(InputError) {
      guard condition else { throw InputError(subject, reason()) }
    }
    func require(_ value: Int, in range: ClosedRange<Int>, _ name: String) throws(InputError) {
      try require(
        range.contains(value), "\(name) is \(value), outside \(range.lowerBound) to \(range.upperBound)")
    }
    try require(model.gridHeight, in: 1...4096, "model.grid_height")
    try require(model.gridWidth, in: 1...4096, "model.grid_width")
    try require(model.patchCount, in: 1...(1 << 16), "the number of patches")
    try require(model.width, in: 1...(1 << 16), "model.width")
    try require(model.depth, in: 1...256, "model.depth")
    try require(model.headCount, in: 1...256, "model.head_count")
    try require(model.prefixTokenCount, in: 0...64, "model.prefix_token_count")
    try require(
      !model.hasClassToken || model.prefixTokenCount > 0,
      "model.has_class_token is true, yet there is no prefix token")
    try require(
      blocks.allSatisfy { $0 >= 0 && $0 < model.depth }
        && zip(blocks, blocks.dropFirst()).allSatisfy { $0 < $1 },
      "blocks is \(blocks), which are not ascending numbers below the depth \(model.depth)")
    if let finalNorm {
      try require(
        finalNorm.weight.count == model.width && finalNorm.bias.count == model.width,
        "final_norm has \(finalNorm.weight.count) weights and \(finalNorm.bias.count) biases for tokens of width "
          + "\(model.width)")
    }
    try require(
      preprocessing.mean.count == 3 && preprocessing.std.count == 3,
      "preprocessing needs three means and stds")
    try require(
      DatasetType(tokens: precision.tokens) != nil,
      "precision.tokens is \(precision.tokens); it can be "
        + "float16, bfloat16, float32 or int8")
    try validateChannelScales(subject)
    try require(augmentation.views, in: 1...(1 << 16), "augmentation.views")
    try require(
      isDigest(dataset.listingSHA256) && isDigest(checkpoint.sha256), "a digest is not 64 hexadecimal digits")
    try require(
      !checkpoint.fileName.contains("/"),
      "checkpoint.file_name is '\(checkpoint.fileName)', a path and not a name")
    if let source = checkpoint.source {
      try require(
        ["hf-hub:", "https://", "http://"].contains { source.hasPrefix($0) },
        "checkpoint.source is '\(source)', which is nothing on the web")
    }
  }
}

extension CacheConfiguration {
  private func validateChannelScales(_ subject: String) throws(InputError) {
    let name = "precision.channel_scales"
    guard precision.tokens == .int8 else {
      guard precision.channelScales == nil else {
        throw InputError(subject, "has \(name), yet its tokens are \(precision.tokens)")
      }
      return
    }
    guard let scales = precision.channelScales else {
      throw InputError(subject, "lacks \(name), without which tokens of type int8 mean nothing")
    }
    guard scales.count == blocks.count, scales.allSatisfy({ $0.count == model.width }) else {
      throw InputError(
        subject,
        "\(name) are not one for each of the \(model.width) channels of \(blocks.count) stored blocks")
    }
    for (block, scales) in zip(blocks, scales) {
      guard let channel = scales.firstIndex(where: { !($0 > 0 && $0.isFinite) }) else { continue }
      throw InputError(
        subject,
        "\(name) of block \(block) is \(scales[channel]) in channel \(channel); it must be positive and finite"
      )
    }
  }
}

/// Whether a text is a SHA-256 digest as this program writes them.
func isDigest(_ text: String) -> Bool {
  text.utf8.count == 64
    && text.utf8.allSatisfy {
      ($0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9"))
        || ($0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "f"))
    }
}
