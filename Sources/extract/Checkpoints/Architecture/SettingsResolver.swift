import Files
import VisionTransformer

/// Finds a model's ``ModelSettings`` and keeps account of where each is from. In the order of trust: the user's options,
/// the model's name, configurations beside the file, the model that they name, and last what all models of the family
/// have in common.
struct SettingsResolver {
  let request: CheckpointRequest
  let dimensions: WeightDimensions
  let dialect: Dialect
  let statements: [ModelStatement]
  /// Those that the checkpoint has, in place of a base.
  let rotaryPeriods: [Float]?
  /// The model that `--model` names.
  let named: NamedModel?
  /// The model that a configuration names, and how to say so.
  let configured: (model: NamedModel, origin: String)?
  private(set) var report: [LoadReport.Setting] = []

  /// - Throws: ``InputError`` where a name or a configuration does not fit the weights.
  init(
    _ request: CheckpointRequest, _ dimensions: WeightDimensions, _ dialect: Dialect,
    _ statements: [ModelStatement], rotaryPeriods: [Float]?
  ) throws(InputError) {
    self.request = request
    self.dimensions = dimensions
    self.dialect = dialect
    self.statements = statements
    self.rotaryPeriods = rotaryPeriods
    named = try dimensions.model(named: request.modelName, path: request.path)
    for statement in statements { try dimensions.check(statement, path: request.path) }
    configured =
      statements.lazy.compactMap { statement in
        statement.architecture.flatMap(NamedModel.init).map {
          ($0, "from the architecture that \(statement.source) names")
        }
      }.first
  }

  mutating func resolve() throws(InputError) -> ModelSettings {
    let headCount = try headCount()
    let epsilon = choose(
      "norm epsilon", candidates(request.layerNormEpsilon, "--layer-norm-eps", \.normEpsilon, \.normEpsilon),
      otherwise: defaults.normEpsilon)
    let activation = activation()
    let rotary = rotary()
    let computesPositions =
      !dimensions.parts.hasPositionEmbedding && defaults.computesPositions && rotary == nil
    guard
      dimensions.parts.hasPositionEmbedding || dimensions.parts.relativePosition != nil || rotary != nil
        || computesPositions
    else {
      throw InputError(
        request.path,
        "has no position embedding and no relative positions, and nothing says how it turns queries and keys",
        remedy: "say --model NAME, or put the model's config.json beside it")
    }
    let sizes = try InputSizes(
      request, dimensions, stated: statedSizes, defaultSide: defaults.inputSide)
    return ModelSettings(
      modelName: modelName, headCount: headCount, layerNormEpsilon: epsilon, activation: activation,
      rotary: rotary, computesPositions: computesPositions,
      attentionTemperature: request.attentionTemperature ?? 1, preprocessing: try preprocessing(sizes),
      trainedGrid: sizes.trainedGrid)
  }

  var defaults: ModelDefaults { dialect.defaults }
  var assumed: String { "assumed, as models of \(dialect.name) have it" }
  /// The published model whose sizes the weights have.
  var standardName: String? { PublishedSize.of(dimensions)?.name(patchSide: dimensions.patchHeight) }

  private var modelName: String {
    // A configuration may name a model whose sizes it changes, as converted ones do.
    let architecture = statements.lazy.compactMap(\.architecture).first {
      NamedModel($0).map(dimensions.fits) ?? true
    }
    return named?.name ?? architecture.map { shortened($0) } ?? standardName
      ?? "vit_\(dimensions.width)x\(dimensions.depth)_patch\(dimensions.patchHeight)"
  }

  // MARK: - Choosing

  /// Where a setting may be from, the most trusted source first.
  ///
  /// - Parameters:
  ///   - trait: what a model's name says of it.
  ///   - statement: what a configuration says of it.
  func candidates<Value>(
    _ option: Value?, _ optionName: String, _ trait: (NamedModel.Traits) -> Value?,
    _ statement: (ModelStatement) -> Value?
  ) -> [(value: Value?, origin: String)] {
    [(option, "from \(optionName)"), (named.flatMap { trait($0.traits) }, "from --model")]
      + statements.map { (statement($0), "from \($0.source)") }
      + [(configured.flatMap { trait($0.model.traits) }, configured?.origin ?? "")]
  }

  /// Takes the first value that is known, and notes where it is from.
  mutating func choose<Value>(
    _ name: String, _ candidates: [(value: Value?, origin: String)], otherwise fallback: Value
  ) -> Value {
    let known = candidates.lazy.compactMap { candidate in candidate.value.map { ($0, candidate.origin) } }
      .first
    let (value, origin) = known ?? (fallback, assumed)
    note(name, "\(value)", origin)
    return value
  }

  mutating func note(_ name: String, _ value: String, _ origin: String) {
    report.append(LoadReport.Setting(name: name, value: value, origin: origin))
  }
}

extension WeightDimensions {
  fileprivate var sizesInWords: String {
    "width \(width), depth \(depth), MLP width \(mlpWidth)\(parts.isGated ? " (gated)" : ""), patch "
      + "\(patchHeight)x\(patchWidth)"
  }

  /// The model that `--model` names.
  fileprivate func model(named name: String?, path: String) throws(InputError) -> NamedModel? {
    guard let name else { return nil }
    guard let model = NamedModel(name) else {
      throw InputError(
        "--model \(name)", "is not a known model",
        remedy:
          "choose one of \(NamedModel.examples.joined(separator: ", ")) or a name of timm's like them, or leave it "
          + "out and say --num-heads N")
    }
    guard fits(model) else {
      let size = model.size
      throw InputError(
        "--model \(name)",
        "has width \(size.width), depth \(size.depth), MLP width \(size.mlpWidth)\(size.isGated ? " (gated)" : ""), "
          + "patch \(model.patchSide)x\(model.patchSide), but the weights in \(path) have \(sizesInWords)",
        remedy: "choose the model that the weights belong to, or leave --model out and say --num-heads N")
    }
    return model
  }

  func fits(_ model: NamedModel) -> Bool {
    model.size.matches(self) && (model.patchSide, model.patchSide) == (patchHeight, patchWidth)
  }

  /// A configuration that belongs to another checkpoint must not describe this one.
  fileprivate func check(_ statement: ModelStatement, path: String) throws(InputError) {
    if let reason = statement.architecture.flatMap(ForeignArchitecture.reason(named:)) ?? statement.refusal {
      throw InputError(path, "\(reason), by the \(statement.source) beside it")
    }
    // A gated perceptron's activation is in its kind; configurations call it silu.
    if let activation = statement.activation, statement.knownActivation == nil, !parts.isGated {
      throw InputError(
        path,
        "has the activation \(shortened(activation)), by its \(statement.source), which is not supported")
    }
    let patch = statement.patchSize
    let pairs = [
      (statement.width.name, statement.width.value, width),
      (statement.depth.name, statement.depth.value, depth),
      (patch.name, patch.value?.height, patchHeight), (patch.name, patch.value?.width, patchWidth),
    ]
    for case (let name, let stated?, let actual) in pairs where stated != actual {
      throw InputError(
        path,
        "does not fit the \(statement.source) beside it, whose \(name) is \(stated): the weights have \(actual)",
        remedy: "put each checkpoint into a folder of its own with its \(statement.source)")
    }
  }

  func unknownHeadCount(path: String) -> InputError {
    InputError(
      path, "does not reveal its number of attention heads (\(sizesInWords))",
      remedy: "say --num-heads N with the number that the model was trained with")
  }
}
