import Files
import LinearLayers
import VisionTransformer

/// What weights cannot reveal about a model, from wherever it is known. In the order of trust: the user's options, the
/// model's name, a `config.json`, and last what all models of the family have in common.
struct ModelSettings {
  let modelName: String
  let headCount: Int
  let layerNormEpsilon: Float
  let activation: Activation
  let attentionTemperature: Float
  let preprocessing: PreprocessingHints
  /// The patches that the position embedding is for, row by row.
  let trainedGrid: (height: Int, width: Int)
}

/// Finds a model's ``ModelSettings`` and keeps account of where each is from.
struct SettingsResolver {
  let request: CheckpointRequest
  let dimensions: WeightDimensions
  let configuration: TimmConfiguration?
  private(set) var report: [LoadReport.Setting] = []

  init(_ request: CheckpointRequest, _ dimensions: WeightDimensions, _ configuration: TimmConfiguration?) {
    self.request = request
    self.dimensions = dimensions
    self.configuration = configuration
  }

  mutating func resolve() throws(InputError) -> ModelSettings {
    let named = try namedModel()
    try checkConfiguration()
    let standard = NamedModel.published.first(where: matches)
    let headCount = try headCount(named: named, standard: standard)
    let epsilon = choose(
      "LayerNorm epsilon", [(request.layerNormEpsilon, "from --layer-norm-eps")],
      otherwise: 1e-6, "assumed, as MAE's and timm's models have it; --layer-norm-eps says otherwise")
    let activation = choose(
      "activation",
      [(request.activation, "from the command line"), (try configuredActivation(), "from config.json")],
      otherwise: .gelu, "assumed, as MAE's and timm's models have it")
    let sizes = try InputSizes(request, dimensions, configuration, named)
    return ModelSettings(
      modelName: named?.name ?? configuration?.architecture.map { shortened($0) } ?? standard?.name
        ?? "vit_\(dimensions.width)x\(dimensions.depth)_patch\(dimensions.patchHeight)",
      headCount: headCount, layerNormEpsilon: epsilon, activation: activation,
      attentionTemperature: request.attentionTemperature ?? 1,
      preprocessing: try preprocessing(sizes), trainedGrid: sizes.trainedGrid)
  }

  /// Takes the first value that is known, and notes where it is from.
  private mutating func choose<Value>(
    _ name: String, _ candidates: [(Value?, String)], otherwise fallback: Value, _ origin: String
  ) -> Value {
    for case (let value?, let origin) in candidates {
      report.append(LoadReport.Setting(name: name, value: "\(value)", origin: origin))
      return value
    }
    report.append(LoadReport.Setting(name: name, value: "\(fallback)", origin: origin))
    return fallback
  }

  // MARK: - The architecture

  private func matches(_ model: NamedModel) -> Bool {
    (model.width, model.depth, model.mlpWidth, model.patchSide, model.patchSide)
      == (
        dimensions.width, dimensions.depth, dimensions.mlpWidth, dimensions.patchHeight, dimensions.patchWidth
      )
  }

  private var sizesInWords: String {
    "width \(dimensions.width), depth \(dimensions.depth), MLP width \(dimensions.mlpWidth), patch "
      + "\(dimensions.patchHeight)x\(dimensions.patchWidth)"
  }

  /// The model that `--model` names.
  private func namedModel() throws(InputError) -> NamedModel? {
    guard let name = request.modelName else { return nil }
    guard let model = NamedModel(name) else {
      throw InputError(
        "--model \(name)", "is not a known model",
        remedy:
          "choose one of \(NamedModel.published.map(\.name).joined(separator: ", ")), or leave it out and say "
          + "--num-heads N")
    }
    guard matches(model) else {
      throw InputError(
        "--model \(name)",
        "has width \(model.width), depth \(model.depth), MLP width \(model.mlpWidth), patch "
          + "\(model.patchSide)x\(model.patchSide), but the weights in \(request.path) have \(sizesInWords)",
        remedy: "choose the model that the weights belong to, or leave --model out and say --num-heads N")
    }
    return model
  }

  /// A `config.json` that belongs to another checkpoint must not describe this one.
  private func checkConfiguration() throws(InputError) {
    guard let arguments = configuration?.arguments else { return }
    let pairs = [
      ("embed_dim", arguments.width, dimensions.width), ("depth", arguments.depth, dimensions.depth),
      ("patch_size", arguments.patchSize?.height, dimensions.patchHeight),
      ("patch_size", arguments.patchSize?.width, dimensions.patchWidth),
    ]
    for case (let name, let stated?, let actual) in pairs where stated != actual {
      throw InputError(
        request.path,
        "does not fit the config.json beside it, whose \(name) is \(stated): the weights have \(actual)",
        remedy: "put each checkpoint into a folder of its own with its config.json")
    }
  }

  private mutating func headCount(named: NamedModel?, standard: NamedModel?) throws(InputError) -> Int {
    let architecture = configuration?.architecture.flatMap(NamedModel.init).flatMap { matches($0) ? $0 : nil }
    let candidates: [(Int?, String)] = [
      (request.headCount, "from --num-heads"),
      (named?.headCount, "from --model"),
      (configuration?.arguments.headCount, "from config.json"),
      (architecture?.headCount, "from the architecture that config.json names"),
      (standard?.headCount, "as \(standard?.name ?? "") has it, whose sizes the weights have"),
    ]
    for case (let headCount?, let origin) in candidates {
      guard headCount > 0, dimensions.width.isMultiple(of: headCount) else {
        throw InputError(
          request.path, "\(headCount) heads (\(origin)) do not divide the width \(dimensions.width)",
          remedy: "say --num-heads N with the number that the model was trained with")
      }
      report.append(LoadReport.Setting(name: "heads", value: "\(headCount)", origin: origin))
      return headCount
    }
    throw InputError(
      request.path, "does not reveal its number of attention heads (\(sizesInWords))",
      remedy: "say --num-heads N with the number that the model was trained with")
  }

  private func configuredActivation() throws(InputError) -> Activation? {
    switch configuration?.arguments.activation {
    case nil: return nil
    case "gelu": return .gelu
    case "gelu_tanh": return .geluTanh
    case "quick_gelu", "quickgelu": return .quickGelu
    case let name?:
      throw InputError(
        request.path, "has the activation \(shortened(name)), by its config.json, which is not supported")
    }
  }

  // MARK: - Preprocessing

  private mutating func preprocessing(_ sizes: InputSizes) throws(InputError) -> PreprocessingHints {
    let stated = configuration?.preprocessing
    try PreprocessingHints.validate(
      mean: stated?.mean, standardDeviation: stated?.standardDeviation, cropFraction: stated?.cropFraction
    ) { option, reason in
      InputError(
        request.path, "has a config.json beside it whose \(option) \(reason)", remedy: "say --\(option)")
    }
    report.append(
      LoadReport.Setting(name: "input", value: "\(sizes.height)x\(sizes.width)", origin: sizes.origin))
    return PreprocessingHints(
      inputHeight: sizes.height, inputWidth: sizes.width,
      mean: choose(
        "mean", [(request.mean, "from --mean"), (stated?.mean, "from config.json")],
        otherwise: PreprocessingHints.imageNetMean, "ImageNet's, assumed"),
      standardDeviation: choose(
        "std", [(request.standardDeviation, "from --std"), (stated?.standardDeviation, "from config.json")],
        otherwise: PreprocessingHints.imageNetStandardDeviation, "ImageNet's, assumed"),
      cropFraction: choose(
        "crop", [(request.cropFraction, "from --crop-pct"), (stated?.cropFraction, "from config.json")],
        otherwise: PreprocessingHints.defaultCropFraction, "224 of 256 pixels, assumed"),
      interpolation: choose(
        "interpolation", [(stated?.interpolation.map { shortened($0) }, "from config.json")],
        otherwise: "bicubic",
        "assumed"))
  }
}
