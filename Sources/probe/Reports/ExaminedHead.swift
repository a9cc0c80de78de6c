/// A head of the leaderboard that was looked at again.
public struct ExaminedHead: Sendable {
  /// As figures call it.
  public let name: String
  public let examination: Examination

  public init(_ name: String, _ examination: Examination) {
    (self.name, self.examination) = (name, examination)
  }

  var embedding: FeatureEmbedding? {
    if case .embedding(let embedding) = examination.embedding { embedding } else { nil }
  }
}
