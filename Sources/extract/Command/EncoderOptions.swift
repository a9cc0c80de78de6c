import ArgumentParser
import Checkpoints
import Files
import Images
import LinearLayers
import VisionTransformer

extension Preprocessing.Interpolation: ExpressibleByArgument {}
extension LinearEngine: ExpressibleByArgument {}

/// Which encoder, and what its weights do not say about it.
struct EncoderOptions: ParsableArguments {
  @Option(
    name: .customLong("finetune"),
    help: ArgumentHelp(
      "Checkpoint: a PyTorch file or safetensors, the index of one in several parts, or a folder that holds one; or a timm name, hf-hub:owner/name or an address, which are downloaded where they are not here yet. extract models lists names.",
      valueName: "checkpoint"))
  var checkpoint: String

  @Option(
    help: ArgumentHelp(
      "Model that the weights belong to: vit_tiny_patch16, vit_small_patch16, vit_base_patch16, vit_large_patch16, vit_huge_patch14, or a timm name of the like.",
      valueName: "name")
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

  @Option(
    help: ArgumentHelp(
      "What the scores of the attention are divided by before the softmax; 1 is as trained.",
      valueName: "number"))
  var attnTemperature: Float?

  @Option(
    help: "Type that the encoder multiplies: bfloat16, with sums in float32, or none, which is float32.")
  var amp: Precision = .none

  @Option(help: "Library that multiplies.")
  var engine: LinearEngine = .oneDNN

  /// The seed's `--amp`.
  enum Precision: String, CaseIterable, ExpressibleByArgument { case none, bfloat16 }

  var arithmetic: Arithmetic { Arithmetic(operands: amp == .bfloat16 ? .bfloat16 : .float32, engine: engine) }
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

  /// The checkpoint to load, with what these options say in place of what its files say.
  ///
  /// - Parameter path: of the file that the checkpoint's name stands for.
  func request(_ encoder: EncoderOptions, path: String) -> CheckpointRequest {
    CheckpointRequest(
      path: path, modelName: encoder.model, checkpointKey: encoder.checkpointKey,
      inputSize: encoder.inputSize, headCount: encoder.numHeads, layerNormEpsilon: encoder.layerNormEps,
      attentionTemperature: encoder.attnTemperature,
      mean: mean.isEmpty ? nil : mean, standardDeviation: std.isEmpty ? nil : std, cropFraction: cropPct)
  }

  func preprocessing(for checkpoint: LoadedCheckpoint) throws -> Preprocessing {
    let hints = checkpoint.preprocessing
    guard let interpolation = interpolation ?? Preprocessing.Interpolation(rawValue: hints.interpolation)
    else {
      throw InputError(
        checkpoint.fileName, "is meant for '\(hints.interpolation)' resizing, which is not offered",
        remedy: "choose a filter with --interpolation")
    }
    return try Preprocessing(
      inputSize: PixelSize(height: hints.inputHeight, width: hints.inputWidth),
      cropFraction: hints.cropFraction, interpolation: interpolation,
      mean: hints.mean, standardDeviation: hints.standardDeviation)
  }
}
