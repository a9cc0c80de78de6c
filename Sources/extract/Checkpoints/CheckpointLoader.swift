import Compute
import Files
import Foundation
import Tensors
import VisionTransformer

/// Loads the encoder out of a checkpoint: files of `torch.save` or safetensors, told apart by content.
public enum CheckpointLoader {
  /// - Throws: ``InputError`` where the file is damaged or of another kind, where its weights do not make up a Vision
  ///   Transformer, or where something that they do not reveal is stated nowhere.
  public static func load(_ request: CheckpointRequest) throws(InputError) -> LoadedCheckpoint {
    try request.validate()
    let files = try CheckpointFiles(request.path)
    var request = request
    request.path = files.path
    let dictionary = try StateDictionary(files, key: request.checkpointKey)
    let found = try EncoderWeights.found(in: dictionary, isSimMIM: request.isSimMIM, path: request.path)
    let dimensions = try WeightDimensions(found, path: request.path)
    try found.checkFit(dimensions, path: request.path)
    var resolver = try SettingsResolver(
      request, dimensions, found.dialect, try ConfigurationFiles.statements(for: files),
      rotaryPeriods: try found.rotaryPeriods())
    let settings = try resolver.resolve()
    let configuration = try encoderConfiguration(dimensions, settings)
    // Beside the weights: a digest of some gigabytes takes seconds.
    let digest = BackgroundDigest(files)
    defer { digest.join() }
    var weights = try found.load(files)
    weights[WeightDimensions.periods] = nil
    let notes = place(&weights, configuration, settings, found.dialect.defaults)
    return LoadedCheckpoint(
      configuration: configuration, weights: weights, modelName: settings.modelName,
      preprocessing: settings.preprocessing, fileName: URL(fileURLWithPath: request.path).lastPathComponent,
      sha256: digest.wait(), dialect: found.dialect.name, key: dictionary.key,
      report: LoadReport(found, settings: resolver.report, notes: notes))
  }

  private static func encoderConfiguration(
    _ dimensions: WeightDimensions, _ settings: ModelSettings
  ) throws(InputError) -> EncoderConfiguration {
    var parts = dimensions.parts
    parts.hasPositionEmbedding = parts.hasPositionEmbedding || settings.computesPositions
    return try EncoderConfiguration(
      imageHeight: settings.preprocessing.inputHeight, imageWidth: settings.preprocessing.inputWidth,
      patchHeight: dimensions.patchHeight, patchWidth: dimensions.patchWidth,
      channelCount: dimensions.channelCount, width: dimensions.width, depth: dimensions.depth,
      headCount: settings.headCount, mlpWidth: dimensions.mlpWidth, parts: parts,
      layerNormEpsilon: settings.layerNormEpsilon, activation: settings.activation, rotary: settings.rotary,
      attentionTemperature: settings.attentionTemperature)
  }

  /// Makes what belongs to positions fit the encoder's grid.
  ///
  /// - Returns: what was done, for the user.
  private static func place(
    _ weights: inout [String: Tensor], _ configuration: EncoderConfiguration, _ settings: ModelSettings,
    _ defaults: ModelDefaults
  ) -> [String] {
    let grid = (height: configuration.gridHeight, width: configuration.gridWidth)
    let trained = settings.trainedGrid
    var notes: [String] = []
    if settings.computesPositions {
      weights["pos_embed"] = SineCosinePositions.embedding(
        height: grid.height, width: grid.width, tokenWidth: configuration.width)
      notes.append("the position embedding was computed for \(grid.height)x\(grid.width) patches")
    }
    guard grid != trained else { return notes }
    func note(_ what: String, _ how: String) {
      notes.append(
        "\(what) resized from \(trained.height)x\(trained.width) to \(grid.height)x\(grid.width) patches, \(how)"
      )
    }
    if !settings.computesPositions, let embedding = weights["pos_embed"] {
      let resizing = defaults.positionResizing(hasRegisters: configuration.parts.registerCount > 0)
      weights["pos_embed"] = PositionEmbedding.resized(embedding, from: trained, to: grid, resizing)
      note("the position embedding was", resizing.summary)
    }
    let tables = weights.filter { $0.key.hasSuffix("relative_position_bias_table") }
    for (name, table) in tables { weights[name] = RelativePositions.resized(table, from: trained, to: grid) }
    if !tables.isEmpty { note("tables of relative positions were", "as BEiT does") }
    return notes
  }
}
