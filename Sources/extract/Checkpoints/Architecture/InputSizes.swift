import Files

/// The input image's size, and the grid that the position embedding was trained for.
struct InputSizes {
  let height: Int
  let width: Int
  /// Where the size is from.
  let origin: String
  /// In patches.
  let trainedGrid: (height: Int, width: Int)

  /// - Parameter stated: sizes that a name or a configuration states, with where they are from.
  init(
    _ request: CheckpointRequest, _ dimensions: WeightDimensions, stated: [(size: InputSize, origin: String)],
    defaultSide: Int
  ) throws(InputError) {
    let trained = try TrainedSize(dimensions, stated: stated, defaultSide: defaultSide).find(request)
    trainedGrid = (
      trained.size.height / dimensions.patchHeight, trained.size.width / dimensions.patchWidth
    )
    if let size = request.inputSize {
      guard size.height >= dimensions.patchHeight, size.width >= dimensions.patchWidth else {
        throw InputError(
          "--input-size \(size)",
          "is smaller than a patch of \(dimensions.patchHeight)x\(dimensions.patchWidth) pixels")
      }
      (height, width, origin) = (size.height, size.width, "from --input-size")
    } else {
      (height, width, origin) = (trained.size.height, trained.size.width, trained.origin)
    }
  }
}

/// Finds the image size that the lengths of a position embedding and of tables of relative positions fit.
private struct TrainedSize {
  let dimensions: WeightDimensions
  let stated: [(size: InputSize, origin: String)]
  let defaultSide: Int

  init(_ dimensions: WeightDimensions, stated: [(size: InputSize, origin: String)], defaultSide: Int) {
    self.dimensions = dimensions
    self.stated = stated
    self.defaultSide = defaultSide
  }

  /// As a configuration or a name states it, else square.
  func find(_ request: CheckpointRequest) throws(InputError) -> (size: InputSize, origin: String) {
    if let fitting = stated.first(where: { fits($0.size) }) { return fitting }
    guard dimensions.positionCount != nil || dimensions.relativePositionCount != nil else {
      let (height, width) = (dimensions.patchHeight, dimensions.patchWidth)
      // Whole patches, at least one.
      let size = InputSize(
        height: max(defaultSide / height, 1) * height, width: max(defaultSide / width, 1) * width)
      return (size, "assumed, as positions of every grid are computed")
    }
    guard let side = squareSide else {
      if let asked = request.inputSize, fits(asked) { return (asked, "from --input-size") }
      throw InputError(
        request.path, "has \(lengthsInWords), which is no square grid of patches",
        remedy: "state the grid with a config.json (pretrained_cfg.input_size) beside the file")
    }
    // The weights are right about themselves; a statement that they contradict must not pass in silence.
    if let (size, origin) = stated.first, request.inputSize == nil {
      throw InputError(
        request.path,
        "has a position embedding for \(side)x\(side) patches, which does not fit the input of "
          + "\(size.height)x\(size.width) pixels \(origin)",
        remedy: "say --input-size \(side * dimensions.patchHeight) to use it as it was trained")
    }
    return (
      InputSize(height: side * dimensions.patchHeight, width: side * dimensions.patchWidth),
      "from the position embedding"
    )
  }

  private func fits(_ size: InputSize) -> Bool {
    fits(height: size.height / dimensions.patchHeight, width: size.width / dimensions.patchWidth)
  }

  private func fits(height: Int, width: Int) -> Bool {
    guard height > 0, width > 0 else { return false }
    if dimensions.positionCount != nil, !dimensions.possiblePatchCounts.contains(height * width) {
      return false
    }
    if let count = dimensions.relativePositionCount,
      count != RelativePositions.entryCount(height, width, hasClassToken: dimensions.parts.hasClassToken)
    {
      return false
    }
    return true
  }

  private var squareSide: Int? {
    var sides = dimensions.possiblePatchCounts.map { Int(Double($0).squareRoot().rounded()) }
    if let count = dimensions.relativePositionCount {
      sides.append(RelativePositions.squareSide(count, hasClassToken: dimensions.parts.hasClassToken))
    }
    return sides.first { fits(height: $0, width: $0) }
  }

  private var lengthsInWords: String {
    [
      dimensions.positionCount.map { "a position embedding of \($0) entries" },
      dimensions.relativePositionCount.map { "tables of \($0) relative positions" },
    ].compactMap { $0 }.joined(separator: " and ")
  }
}
