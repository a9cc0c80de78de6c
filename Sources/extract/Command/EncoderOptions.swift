import ArgumentParser
import Checkpoints
import Files
import Images
import LinearLayers
import VisionTransformer

extension Preprocessing.Interpolation: ExpressibleByArgument {}
extension Preprocessing.CropMode: ExpressibleByArgument {}
extension LinearEngine: ExpressibleByArgument {}

extension Activation: ExpressibleByArgument {}

extension InputSize: ExpressibleByArgument {
  public init?(argument: String) {
    let sides = argument.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
    switch (sides.count, sides.first ?? nil, sides.last ?? nil) {
    case (1, let side?, _): self.init(square: side)
    case (2, let height?, let width?): self.init(height: height, width: width)
    default: return nil
    }
  }
}

/// Which encoder, and how it computes.
struct EncoderOptions: ParsableArguments {
  @Option(
    name: .customLong("finetune"),
    help: ArgumentHelp(
      "Checkpoint: a PyTorch file or safetensors, the index of one in several parts, or a folder that holds one; or a timm name, hf-hub:owner/name or an address, which are downloaded where they are not here yet. extract models lists names.",
      valueName: "checkpoint"))
  var checkpoint: String

  @OptionGroup var model: ModelOptions

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

/// What a checkpoint's weights do not say about their model.
struct ModelOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Model that the weights belong to: vit_tiny_patch16, vit_small_patch16, vit_base_patch16, vit_large_patch16, vit_huge_patch14, or a timm name of the like.",
      valueName: "name")
  )
  var model: String?

  @Option(
    help: ArgumentHelp(
      "Key of the weights in the file, dots between levels; by default where training scripts put them: teacher, target_encoder, model, state_dict and the like, or the file itself.",
      valueName: "key"))
  var checkpointKey: String?

  @Flag(help: "The weights are SimMIM's; an error where they cannot be.")
  var simmim = false

  @Option(
    help: ArgumentHelp(
      "Side of the encoder's input, or height x width as in 224x112; by default the checkpoint's own.",
      valueName: "pixels"))
  var inputSize: InputSize?

  @Option(help: "Attention heads of a block, where neither the model's name nor a configuration says.")
  var numHeads: Int?

  @Option(help: "Epsilon of the norms.")
  var layerNormEps: Float?

  @Option(help: "Activation of the perceptrons.")
  var activation: Activation?

  /// - Parameter path: the checkpoint's.
  func request(_ path: String) -> CheckpointRequest {
    CheckpointRequest(
      path: path, modelName: model, checkpointKey: checkpointKey,
      inputSize: inputSize, isSimMIM: simmim, headCount: numHeads,
      layerNormEpsilon: layerNormEps, activation: activation)
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

  @Option(help: "Filter of the resizing; by default the checkpoint's, or bicubic.")
  var interpolation: Preprocessing.Interpolation?

  @Option(
    help:
      "Whether resizing keeps an image's proportions and cuts out its center, or squashes it into the input's."
  )
  var cropMode: Preprocessing.CropMode?

  func validate() throws {
    for (name, values) in [("--mean", mean), ("--std", std)] where ![0, 3].contains(values.count) {
      throw ValidationError("\(name) takes three numbers, not \(values.count).")
    }
  }

  /// The checkpoint to load, with what these options say in place of what its files say.
  ///
  /// - Parameter path: of the file that the checkpoint's name stands for.
  func request(_ encoder: EncoderOptions, path: String) -> CheckpointRequest {
    var request = request(encoder.model.request(path))
    request.attentionTemperature = encoder.attnTemperature
    return request
  }

  /// A request with what these options say.
  func request(_ request: CheckpointRequest) -> CheckpointRequest {
    var request = request
    request.mean = mean.isEmpty ? nil : mean
    request.standardDeviation = std.isEmpty ? nil : std
    request.cropFraction = cropPct
    request.interpolation = interpolation?.rawValue
    request.cropMode = cropMode?.rawValue
    return request
  }

  func preprocessing(for checkpoint: LoadedCheckpoint) throws -> Preprocessing {
    let hints = checkpoint.preprocessing
    guard let interpolation = interpolation ?? Preprocessing.Interpolation(rawValue: hints.interpolation)
    else {
      throw InputError(
        checkpoint.fileName, "is meant for '\(hints.interpolation)' resizing, which is not offered",
        remedy: "choose a filter with --interpolation")
    }
    guard let cropMode = cropMode ?? Preprocessing.CropMode(rawValue: hints.cropMode) else {
      throw InputError(
        checkpoint.fileName, "is meant for the crop mode '\(hints.cropMode)', which is not offered",
        remedy: "choose one with --crop-mode")
    }
    return try Preprocessing(
      inputSize: PixelSize(height: hints.inputHeight, width: hints.inputWidth),
      cropFraction: hints.cropFraction, cropMode: cropMode, interpolation: interpolation,
      mean: hints.mean, standardDeviation: hints.standardDeviation)
  }
}
