import Files
import LinearLayers
import VisionTransformer

extension SettingsResolver {
  mutating func headCount() throws(InputError) -> Int {
    if let option = request.headCount, let headCount = dimensions.headCount, option != headCount {
      throw InputError(
        "--num-heads \(option)", "is not what the weights have, which are for \(headCount) heads")
    }
    func headCount(of model: NamedModel) -> Int { model.traits.headCount ?? model.size.headCount }
    // A configuration may name a model whose sizes it changes.
    let architecture = configured.flatMap { dimensions.fits($0.model) ? headCount(of: $0.model) : nil }
    let candidates: [(Int?, String)] =
      [
        (request.headCount, "from --num-heads"), (dimensions.headCount, "from the shapes of the weights"),
        (named.map(headCount), "from --model"),
      ] + statements.map { ($0.headCount, "from \($0.source)") } + [
        (architecture, configured?.origin ?? ""), (defaults.headCounts[dimensions.width], assumed),
        (
          PublishedSize.of(dimensions)?.headCount,
          "as \(standardName ?? "") has it, whose sizes the weights have"
        ),
      ]
    for case (let headCount?, let origin) in candidates {
      guard headCount > 0, dimensions.width.isMultiple(of: headCount) else {
        throw InputError(
          request.path, "\(headCount) heads (\(origin)) do not divide the width \(dimensions.width)",
          remedy: "say --num-heads N with the number that the model was trained with")
      }
      note("heads", "\(headCount)", origin)
      return headCount
    }
    throw dimensions.unknownHeadCount(path: request.path)
  }

  mutating func activation() -> Activation {
    choose(
      "activation", candidates(request.activation, "--activation", \.activation, \.knownActivation),
      otherwise: defaults.activation)
  }

  mutating func rotary() -> RotaryEmbedding? {
    var known = candidates(nil, "", \.rotary, \.rotary)
    if statements.contains(where: \.isWithoutRotary) {
      known.removeLast()
    } else {
      known.append((defaults.rotary, assumed))
    }
    for case (var rotary?, let origin) in known {
      if let rotaryPeriods { rotary.frequencies = .periods(rotaryPeriods) }
      note("rotary position", rotary.summary, origin)
      return rotary
    }
    return nil
  }
}

extension RotaryEmbedding {
  /// For reports.
  fileprivate var summary: String {
    let coordinates =
      switch coordinates {
      case .steps(nil): "steps"
      case .steps(let reference?): "steps on \(reference) patches"
      case .centered: "centred"
      case .unit: "from 0 to 1"
      }
    let frequencies =
      switch frequencies {
      case .powers(let base): "base \(base)"
      case .periods: "with the checkpoint's periods"
      case .learned: "with the blocks' own frequencies"
      }
    return "\(pairing.rawValue), \(coordinates), \(frequencies)"
  }
}
