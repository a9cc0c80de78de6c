import ArgumentParser
import Checkpoints
import Files
import Images

extension Preprocessing.Interpolation: ExpressibleByArgument {}

/// Which encoder, and what its weights do not say about it.
struct EncoderOptions: ParsableArguments {
  @Option(
    name: .customLong("finetune"),
    help: ArgumentHelp("Checkpoint: a PyTorch file or safetensors.", valueName: "checkpoint"))
  var checkpoint: String

  @Option(
    help: ArgumentHelp(
      "Model that the weights belong to (\(StandardModel.names.joined(separator: ", "))).", valueName: "name")
  )
  var model: String?

  @Option(
    help: ArgumentHelp(
      "Key of the weights in the file, dots between levels; by default model, state_dict or the file itself.",
      valueName: "key"))
  var checkpointKey: String?

  @Option(
    help: ArgumentHelp("Side of the encoder's input; by default the checkpoint's own.", valueName: "pixels"))
  var inputSize: Int?

  @Option(help: "Attention heads of a block, where neither the model's name nor a config.json says.")
  var numHeads: Int?

  @Option(help: "Epsilon of the layer norms.")
  var layerNormEps: Float?

  var request: CheckpointRequest {
    CheckpointRequest(
      path: checkpoint, modelName: model, checkpointKey: checkpointKey, inputSize: inputSize,
      headCount: numHeads,
      layerNormEpsilon: layerNormEps)
  }
}

/// How images become the encoder's input, where it is not to be as the checkpoint has it.
struct PreprocessingOptions: ParsableArguments {
  @Option(
    parsing: .upToNextOption,
    help: "Mean of red, green and blue in 0 ... 1; by default the checkpoint's, or ImageNet's.")
  var mean: [Float] = []

  @Option(parsing: .upToNextOption, help: "Standard deviation of red, green and blue; likewise.")
  var std: [Float] = []

  @Option(help: "Share of the resized image's side that the crop keeps; by default 224/256.")
  var cropPct: Double?

  @Option(help: "Filter of the resizing; by default bicubic.")
  var interpolation: Preprocessing.Interpolation?

  func validate() throws {
    for (name, values) in [("--mean", mean), ("--std", std)] where ![0, 3].contains(values.count) {
      throw ValidationError("\(name) takes three numbers, not \(values.count).")
    }
  }

  /// The checkpoint's preprocessing with these options over it.
  func preprocessing(for checkpoint: LoadedCheckpoint) throws -> Preprocessing {
    try Preprocessing(
      inputSize: checkpoint.configuration.imageHeight, cropFraction: cropPct ?? checkpoint.cropFraction,
      interpolation: try interpolation ?? checkpoint.interpolation.map(Self.interpolation) ?? .bicubic,
      mean: mean.isEmpty ? checkpoint.mean ?? Preprocessing.imageNetMean : mean,
      standardDeviation: std.isEmpty ? checkpoint.std ?? Preprocessing.imageNetStandardDeviation : std)
  }

  private static func interpolation(_ name: String) throws -> Preprocessing.Interpolation {
    guard let interpolation = Preprocessing.Interpolation(rawValue: name) else {
      throw InputError(
        "the checkpoint's config.json", "names the interpolation '\(name)', which is not offered",
        remedy: "choose one with --interpolation")
    }
    return interpolation
  }
}
