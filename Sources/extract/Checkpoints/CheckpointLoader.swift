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
    var dictionary = try StateDictionary(files, key: request.checkpointKey)
    var report = LoadReport()
    if let prefix = dictionary.stripWrappers() {
      report.notes.append("the names of all weights begin with \(prefix), which was cut off")
    }
    let dialect: LoadedCheckpoint.Dialect =
      dictionary.entries.keys.contains { $0 == "mask_token" || $0.hasPrefix("decoder_") } ? .mae : .timm
    report.dropped = dropUnused(from: &dictionary)

    let dimensions = try WeightDimensions(dictionary, path: request.path)
    try checkFit(dictionary, dimensions, path: request.path)
    var resolver = SettingsResolver(request, dimensions, try timmConfiguration(files))
    let settings = try resolver.resolve()
    report.settings = resolver.report
    let configuration = try encoderConfiguration(dimensions, settings)
    // Beside the weights: a digest of some gigabytes takes seconds.
    let digest = BackgroundDigest(files)
    defer { digest.join() }
    var weights = try loadWeights(dictionary, files)
    if let note = resizePositionEmbedding(&weights, configuration, settings) { report.notes.append(note) }
    return LoadedCheckpoint(
      configuration: configuration, weights: weights, modelName: settings.modelName,
      preprocessing: settings.preprocessing, fileName: URL(fileURLWithPath: request.path).lastPathComponent,
      sha256: digest.wait(), dialect: dialect, key: dictionary.key, report: report)
  }

  /// The `config.json` beside the file, else the one in a safetensors file's metadata.
  private static func timmConfiguration(_ files: CheckpointFiles) throws(InputError) -> TimmConfiguration? {
    if let configuration = try TimmConfiguration.beside(files.path) { return configuration }
    for part in files.parts where part.format == .safetensors {
      guard let text = try Safetensors.read(part.file).metadata["config"] else { continue }
      return try TimmConfiguration.read(
        Data(text.utf8), subject: "\(part.file.path) (metadata \"config\")")
    }
    return nil
  }

  private static func encoderConfiguration(
    _ dimensions: WeightDimensions, _ settings: ModelSettings
  ) throws(InputError) -> EncoderConfiguration {
    try EncoderConfiguration(
      imageHeight: settings.preprocessing.inputHeight, imageWidth: settings.preprocessing.inputWidth,
      patchHeight: dimensions.patchHeight, patchWidth: dimensions.patchWidth,
      channelCount: dimensions.channelCount, width: dimensions.width, depth: dimensions.depth,
      headCount: settings.headCount, mlpWidth: dimensions.mlpWidth, parts: dimensions.parts,
      layerNormEpsilon: settings.layerNormEpsilon, activation: settings.activation,
      attentionTemperature: settings.attentionTemperature)
  }

  private static func resizePositionEmbedding(
    _ weights: inout [String: Tensor], _ configuration: EncoderConfiguration, _ settings: ModelSettings
  ) -> String? {
    let grid = (height: configuration.gridHeight, width: configuration.gridWidth)
    let trained = settings.trainedGrid
    guard grid != trained, let embedding = weights["pos_embed"] else { return nil }
    weights["pos_embed"] = PositionEmbedding.resized(embedding, from: trained, to: grid)
    return "the position embedding was resized from \(trained.height)x\(trained.width) to "
      + "\(grid.height)x\(grid.width) patches, bicubically"
  }
}
