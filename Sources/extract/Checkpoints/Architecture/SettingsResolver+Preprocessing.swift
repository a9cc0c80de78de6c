import Files

extension SettingsResolver {
  /// Of the images that the model was made for.
  var statedSizes: [(size: InputSize, origin: String)] {
    let configured: [(size: InputSize, origin: String)] = statements.compactMap { statement in
      statement.imageSize.value.map { ($0, "from \(statement.source) (\(statement.imageSize.name))") }
    }
    let named = named?.inputSide.map { [(size: InputSize(square: $0), origin: "from --model")] } ?? []
    return configured + named
  }

  mutating func preprocessing(_ sizes: InputSizes) throws(InputError) -> PreprocessingHints {
    for statement in statements {
      try PreprocessingHints.validate(
        mean: statement.mean, standardDeviation: statement.standardDeviation,
        cropFraction: statement.cropFraction
      ) { option, reason in
        InputError(
          request.path, "has a \(statement.source) beside it whose \(option) \(reason)",
          remedy: "say --\(option)")
      }
    }
    note("input", "\(sizes.height)x\(sizes.width)", sizes.origin)
    return PreprocessingHints(
      inputHeight: sizes.height, inputWidth: sizes.width,
      mean: choose(
        "mean", candidates(request.mean, "--mean", \.mean, \.mean), otherwise: defaults.mean),
      standardDeviation: choose(
        "std",
        candidates(request.standardDeviation, "--std", \.standardDeviation, \.standardDeviation),
        otherwise: defaults.standardDeviation),
      cropFraction: choose(
        "crop", candidates(request.cropFraction, "--crop-pct", { _ in nil }, \.cropFraction),
        otherwise: defaults.cropFraction),
      interpolation: choose(
        "interpolation",
        candidates(
          request.interpolation, "--interpolation", { _ in nil }, { $0.interpolation.map { shortened($0) } }),
        otherwise: defaults.interpolation),
      cropMode: choose(
        "crop mode",
        candidates(request.cropMode, "--crop-mode", { _ in nil }, { $0.cropMode.map { shortened($0) } }),
        otherwise: defaults.cropMode))
  }
}
