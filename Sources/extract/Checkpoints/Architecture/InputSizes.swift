import Files

/// The input image's size, and the grid that the position embedding was trained for.
struct InputSizes {
  let height: Int
  let width: Int
  /// Where the size is from.
  let origin: String
  let trainedGrid: (height: Int, width: Int)

  init(
    _ request: CheckpointRequest, _ dimensions: WeightDimensions, _ configuration: TimmConfiguration?,
    _ named: NamedModel?
  ) throws(InputError) {
    let trained = try Self.trainedSize(request, dimensions, configuration, named)
    trainedGrid = (trained.height / dimensions.patchHeight, trained.width / dimensions.patchWidth)
    if let side = request.inputSize {
      guard side >= max(dimensions.patchHeight, dimensions.patchWidth) else {
        throw InputError(
          "--input-size \(side)",
          "is smaller than a patch of \(dimensions.patchHeight)x\(dimensions.patchWidth) pixels")
      }
      (height, width, origin) = (side, side, "from --input-size")
    } else {
      (height, width, origin) = trained
    }
  }

  /// The image size that the position embedding's length fits: as a configuration or a name states it, else square.
  private static func trainedSize(
    _ request: CheckpointRequest, _ dimensions: WeightDimensions, _ configuration: TimmConfiguration?,
    _ named: NamedModel?
  ) throws(InputError) -> (height: Int, width: Int, origin: String) {
    var stated: [(size: TimmConfiguration.Size, origin: String)] = []
    if let size = configuration?.arguments.imageSize { stated.append((size, "from config.json (img_size)")) }
    if let size = configuration?.preprocessing.inputSize, size.count == 3,
      size[1...].allSatisfy({ 1...65536 ~= $0 })
    {
      stated.append(
        (TimmConfiguration.Size(height: size[1], width: size[2]), "from config.json (input_size)"))
    }
    if let side = named?.inputSide {
      stated.append((TimmConfiguration.Size(height: side, width: side), "from --model"))
    }
    let counts = possiblePatchCounts(dimensions)
    for (size, origin) in stated {
      let patches = (size.height / dimensions.patchHeight) * (size.width / dimensions.patchWidth)
      if counts.contains(patches) { return (size.height, size.width, origin) }
    }
    guard let side = counts.lazy.compactMap(squareRoot).first else {
      throw InputError(
        request.path,
        "has a position embedding of \(dimensions.positionCount) entries, which is no square grid of "
          + "patches",
        remedy: "state the grid with a timm config.json (pretrained_cfg.input_size) beside the file")
    }
    // The weights are right about themselves; a statement that they contradict must not pass in silence.
    if let (size, origin) = stated.first, request.inputSize == nil {
      throw InputError(
        request.path,
        "has a position embedding for \(side)x\(side) patches, which does not fit the input of "
          + "\(size.height)x\(size.width) pixels \(origin)",
        remedy: "say --input-size \(side * dimensions.patchHeight) to use it as it was trained")
    }
    return (side * dimensions.patchHeight, side * dimensions.patchWidth, "from the position embedding")
  }

  /// With a [cls] token, the position embedding has an entry for it, or (timm's `no_embed_class`) has none.
  private static func possiblePatchCounts(_ dimensions: WeightDimensions) -> [Int] {
    dimensions.parts.hasClassToken
      ? [dimensions.positionCount - 1, dimensions.positionCount] : [dimensions.positionCount]
  }

  private static func squareRoot(_ count: Int) -> Int? {
    let root = Int(Double(count).squareRoot().rounded())
    return root > 0 && root * root == count ? root : nil
  }
}
