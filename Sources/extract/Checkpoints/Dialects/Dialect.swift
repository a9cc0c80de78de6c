/// Whose names the weights of a checkpoint have: how to tell, where the encoder is among them, how each becomes a weight
/// of ``VisionTransformer/Encoder``, and what is not said in the file because all models of the family have it in common.
struct Dialect: Sendable {
  /// For outputs and records.
  let name: String
  /// The end of the name of the patch embedding's weight. What stands before it is where the encoder is.
  let anchor: String
  /// All of them hold in a file of this dialect. Of several dialects that fit, the first of ``all`` is meant.
  let marks: [Mark]
  let rules: [WeightRule]
  /// The same for weights that stand beside the encoder, by their whole names.
  var outerRules: [WeightRule] = []
  var dropped: [Drop] = []
  /// Weights that the family's code has as constants: their names and the value of all of their elements.
  var constants: [String: Float] = [:]
  var defaults = ModelDefaults()

  /// Something that tells dialects apart. Names are those within the encoder, if not said otherwise.
  enum Mark: Sendable {
    case has(String)
    case hasAny([String])
    case lacks(String)
    /// A perceptron whose first layer has a gate's outputs besides: twice as many rows as the second has columns.
    case gated(_ first: String, _ second: String)
    /// A weight with so many axes.
    case axes(String, Int)
    /// A weight that is not part of the encoder, by the end of its name.
    case beside(String)
    /// One of these words is among the keys that lead to the encoder.
    case under([String])
    /// One of these keys is at the top of the file, where the weights are below another one.
    case fileHas([String])
  }

  /// Weights within the encoder that tokens do not pass through.
  struct Drop: Sendable {
    let patterns: [KeyPattern]
    let reason: String

    init(_ reason: String, _ patterns: KeyPattern...) {
      self.patterns = patterns
      self.reason = reason
    }
  }

  /// The ends of names by which dialects are told.
  static let endings: [String] = all.flatMap { dialect in
    [dialect.anchor]
      + dialect.marks.compactMap { if case .beside(let ending) = $0 { ending } else { nil } }
  }

  /// From the special to the general.
  static let all: [Dialect] =
    [
      simMIM, mae, moCo, ijepa, capi, dinoV3, dinoV2, iBOT, publishedIBOT, dino, timmDINOv3, eva, timmEVA,
      timmSmallEVA,
    ]
    + [
      beitV2, beit, deit, sigLIP, timmAIMv2, timm, aimV2, openAICLIP, openCLIP, transformersAIMv2,
      transformersDINOv3,
    ]
    + [transformersDINOv2Registers, transformersDINOv2, transformersMAE, transformersDeiT]
    + [transformersData2Vec, transformersBEiT, transformersIJEPA, transformersViT]
    + [transformersCLIP, transformersSigLIP2, transformersSigLIP]
}
