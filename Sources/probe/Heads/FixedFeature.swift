import Compute
import Files

/// A feature vector of an image that nothing is trained for: tokens as they are, or sums of patches with weights that
/// follow from the image.
public struct FixedFeature: Sendable {
  public let features: HeadDescription.Features
  /// W
  public let width: Int
  let layout: TokenLayout
  private let parts: [Part]

  fileprivate enum Part: Sendable {
    /// [cls], as it is.
    case classToken
    /// All tokens, one after the other.
    case allTokens
    /// A weighted sum of the patches.
    case patches(PatchWeights)
  }

  /// What each of the features is: its parts, side by side. ``HeadDescription/Features`` says it in words.
  private static let recipes: [HeadDescription.Features: [Part]] = [
    .cls: [.classToken],
    .pos: [.patches(.mean)],
    .both: [.classToken, .patches(.mean)],
    .raw: [.allTokens],
    .centralPatch: [.patches(.central(side: 1))],
    .centralPatches2: [.patches(.central(side: 2))],
    .centralPatches3: [.patches(.central(side: 3))],
    .centralPatches4: [.patches(.central(side: 4))],
    .centralAttention: [.patches(.centralAttention(side: 1))],
    .centralAttention2: [.patches(.centralAttention(side: 2))],
    .centralAttention3: [.patches(.centralAttention(side: 3))],
    .centralAttention4: [.patches(.centralAttention(side: 4))],
    .lowestEntropyAttention: [.patches(.lowestEntropyClassAttention)],
    .meanAttention: [.patches(.meanClassAttention)],
    .otherAttention: [.patches(.otherClassAttention)],
    .tokenCut: [.patches(.foreground)],
  ]

  /// All features without trained parameters.
  public static let all = HeadDescription.Features.allCases.filter { recipes[$0] != nil }

  /// Whether to compute the features once, before training: they have no trained parameters and are smaller than the
  /// tokens, which `raw` is not.
  public static func isComputedOnce(_ features: HeadDescription.Features) -> Bool {
    guard let parts = recipes[features] else { return false }
    return !parts.contains { if case .allTokens = $0 { true } else { false } }
  }

  /// Whether the features are a sum of patches whose weights follow from the image.
  static func weighsPatches(_ features: HeadDescription.Features) -> Bool {
    weightsOfPatches(recipes[features] ?? []) != nil
  }

  private static func weightsOfPatches(_ parts: [Part]) -> PatchWeights? {
    guard parts.count == 1, case .patches(let weights) = parts[0], !weights.isEven else { return nil }
    return weights
  }

  /// What patches weigh in features that are nothing but their sum, with weights that are not all alike; nil in others.
  var patchWeights: PatchWeights? { Self.weightsOfPatches(parts) }

  /// - Throws: where tokens of the layout have no such features.
  public init(_ features: HeadDescription.Features, layout: TokenLayout) throws(InputError) {
    guard let parts = Self.recipes[features] else {
      preconditionFailure("\(features.rawValue) has trained parameters")
    }
    (self.features, self.layout, self.parts) = (features, layout, parts)
    width = parts.reduce(0) { $0 + $1.tokenCount(layout) } * layout.width
    for part in parts { try part.check(features, layout) }
  }

  /// The first to the last token that the feature is computed from.
  public var tokenRange: Range<Int> {
    let ranges = parts.map { $0.tokenRange(layout) }
    return ranges.map(\.lowerBound).min()!..<ranges.map(\.upperBound).max()!
  }

  /// Whether the feature needs the attention from [cls].
  public var needsClassAttention: Bool { needs(.ofClassToken) }
  /// Whether the feature needs the attention from the central patches.
  public var needsCenterAttention: Bool { needs(.ofCenter) }
  /// Whether the feature needs the attention of another cache of the same images.
  public var needsOtherAttention: Bool { needs(.ofOtherClassToken) }

  private func needs(_ attention: FixedImage.Attention) -> Bool {
    parts.contains { if case .patches(let weights) = $0 { weights.attention == attention } else { false } }
  }

  /// - Parameter out: receives [W].
  /// - Throws: where the image lacks the attention rows that the feature needs.
  func write(_ image: FixedImage, into out: UnsafeMutablePointer<Float>) throws {
    var out = out
    for part in parts {
      let count = part.tokenCount(layout) * layout.width
      switch part {
      case .classToken, .allTokens: image.tokens[part.tokenRange(layout)].decode(into: out)
      case .patches(let weights):
        out.update(repeating: 0, count: count)
        try withWeights(image, weights) { image.patches.addWeightedSum(skippingZerosOf: $0, to: out) }
      }
      out += count
    }
  }

  /// Calls the body with what the image's patches weigh, [P].
  func withWeights<Result>(
    _ image: FixedImage, _ patchWeights: PatchWeights,
    _ body: (_ weights: UnsafeMutableBufferPointer<Float>) throws -> Result
  ) throws -> Result {
    let stored = try patchWeights.attention.map { attention throws(InputError) in
      try image.attentionRows(attention, for: features)
    }
    let rowCount = (stored?.count ?? 0) / ElementType.float16.byteCount
    let capacity = layout.patchCount + rowCount
    return try withUnsafeTemporaryAllocation(of: Float.self, capacity: capacity) { memory in
      let weights = UnsafeMutableBufferPointer(rebasing: memory[..<layout.patchCount])
      let rows = UnsafeMutableBufferPointer(rebasing: memory[layout.patchCount...])
      if let stored {
        ElementType.float16.decode(stored.baseAddress!, into: rows.baseAddress!, count: rowCount)
      }
      try patchWeights.write(image, UnsafeBufferPointer(rows), weights)
      return try body(weights)
    }
  }
}

extension FixedFeature.Part {
  func tokenRange(_ layout: TokenLayout) -> Range<Int> {
    switch self {
    case .classToken: 0..<1
    case .allTokens: 0..<layout.tokenCount
    case .patches: layout.patchRange
    }
  }

  /// The vectors of a token's width that the part is made of.
  func tokenCount(_ layout: TokenLayout) -> Int {
    switch self {
    case .classToken, .patches: 1
    case .allTokens: layout.tokenCount
    }
  }

  func check(_ features: HeadDescription.Features, _ layout: TokenLayout) throws(InputError) {
    let needsClassToken =
      switch self {
      case .classToken: true
      case .allTokens: false
      case .patches(let weights): weights.attention == .ofClassToken
      }
    if needsClassToken && !layout.hasClassToken {
      throw InputError(
        "--cls-features \(features.rawValue)", "needs a [cls] token, which this encoder does not have",
        remedy: "use pos or abmilp")
    }
  }
}

extension StoredTokens {
  /// `out[d] += sum over t of weights[t] * tokens[t, d]`; what weighs nothing is not read.
  func addWeightedSum(
    skippingZerosOf weights: UnsafeMutableBufferPointer<Float>, to out: UnsafeMutablePointer<Float>
  ) {
    var start = 0
    while let first = weights[start...].firstIndex(where: { $0 != 0 }) {
      let end = weights[first...].firstIndex(of: 0) ?? weights.endIndex
      self[first..<end].addWeightedSum(weights: weights.baseAddress! + first, to: out)
      start = end
    }
  }
}
