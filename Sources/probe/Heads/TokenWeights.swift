import Compute

/// What an image's tokens weighed when a head made its features of them: where the head looks.
public struct TokenWeights: Equatable, Sendable {
  public enum Kind: String, Codable, Sendable {
    /// A softmax: all weights, that of the head's own token included, add up to 1.
    case attention
    /// Weights that follow from the image without anything trained.
    case weights
    /// Positive scores of tokens of length 1, over the number of tokens (DOLG).
    case scores
    /// By how much of 0 to 1 each patch passes (CBAM).
    case gates
  }

  public var kind: Kind
  /// [rows, T], prefix tokens first, 0 for tokens that the head does not look at. A row for each query or attention head.
  public var rows: [[Float]]
  /// [rows]: what a token of the head's own weighs, which takes part beside the image's (CaiT, CLIP); nil where there is
  /// none.
  public var ownToken: [Float]?

  public init(_ kind: Kind, rows: [[Float]], ownToken: [Float]? = nil) {
    self.kind = kind
    self.rows = rows
    self.ownToken = ownToken
  }

  /// A single row, of the tokens from one on; those before weigh nothing.
  init(_ kind: Kind, _ weights: UnsafeBufferPointer<Float>, firstToken: Int) {
    self.init(kind, rows: [[Float](repeating: 0, count: firstToken) + weights])
  }

  /// [T]: the mean over the rows.
  public var mean: [Float] {
    var sums = [Double](repeating: 0, count: rows[0].count)
    for row in rows {
      for token in row.indices { sums[token] += Double(row[token]) }
    }
    return sums.map { Float($0 / Double(rows.count)) }
  }
}

extension Head {
  /// What the tokens of an image of the last batch weighed.
  ///
  /// - Parameter index: of the image in that batch.
  /// - Returns: nil where the features are not made of weighted tokens, or were pooled before.
  public func weights(index: Int) -> TokenWeights? { pooling.weights(index: index) }
}

extension HeadDescription.Features {
  /// Whether the features are made of tokens that weigh more or less, so that there is something to see.
  public var weighTokens: Bool { isAttentive || FixedFeature.weighsPatches(self) }
}

extension HeadDescription {
  /// How many of an image's tokens the head looks at.
  public func seenTokenCount(_ layout: TokenLayout) -> Int {
    layout.tokenCount - layout.firstToken(abmilp?.content ?? attentive?.content ?? .patch)
  }

  /// What there is a row of weights for, in the singular.
  public var weightUnit: String {
    features.recipe?.settings.contains(.queries) == true ? "query" : "head"
  }
}

extension QueryPooling {
  package func weights(index: Int) -> TokenWeights? { queries.weights(index: index) }
}

extension PoolingQueries {
  func weights(index: Int) -> TokenWeights {
    let starts = (0..<form.count).map { attention.pointer + (index * form.count + $0) * stride }
    return TokenWeights(
      .attention, rows: starts.map { Array(UnsafeBufferPointer(start: $0, count: tokenCount)) },
      ownToken: form.extraToken == .none ? nil : starts.map { $0[tokenCount] })
  }
}

extension AbMILPTokenPooling {
  /// Where the features are made of self-attention's output, sum over t of a_t u_t with u_t = sum over s of P_ts x_s (but for
  /// its projection), a token weighs c_s = sum over t of a_t P_ts.
  package func weights(index: Int) -> TokenWeights? {
    let attention = UnsafeBufferPointer(start: attention.pointer + index * tokenCount, count: tokenCount)
    guard description.selfAttention == .both else {
      return TokenWeights(.attention, attention, firstToken: firstToken)
    }
    let spread = SharedBuffer<Float>(count: tokenCount)
    rows(tokenAttention(index)).addWeightedSum(weights: attention.baseAddress!, to: spread.pointer)
    return TokenWeights(.attention, UnsafeBufferPointer(spread.buffer), firstToken: firstToken)
  }
}

extension FixedFeature {
  /// What the patches of an image weigh; nil for features that are more or less than a weighted sum of them.
  func weights(_ image: FixedImage) throws -> TokenWeights? {
    guard let patchWeights else { return nil }
    return try withWeights(image, patchWeights) { weights in
      TokenWeights(.weights, UnsafeBufferPointer(weights), firstToken: layout.prefixTokenCount)
    }
  }
}

extension FixedFeatures {
  /// What patches weigh in features without trained parameters; see ``compute(_:_:rows:attentionFrom:norm:_:folder:shouldStop:onProgress:)``.
  ///
  /// - Returns: for each of the rows; nil where the features are more or less than a weighted sum of them.
  public static func weights(
    of features: HeadDescription.Features, _ source: any TokenSource, rows: [Int],
    attentionFrom attentionSource: (any TokenSource)? = nil, norm: TokenNorm? = nil
  ) throws -> [TokenWeights?] {
    let feature = try FixedFeature(features, layout: source.layout)
    let pass = try FixedPass([feature], source, attentionFrom: attentionSource, norm: norm)
    var weights: [TokenWeights?] = []
    try pass.forEachImage(of: rows[...]) { _, image in weights.append(try feature.weights(image)) }
    return weights
  }
}
