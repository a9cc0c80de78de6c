import Compute
import Files

/// How a kind of head with trained pooling is made: an entry of the table of them, all that the program knows of a kind
/// beside its own file.
struct AttentiveRecipe: Sendable {
  typealias Make<Description> =
    @Sendable (Description, TokenLayout, _ batchSize: Int, MatrixProducts, inout SeededGenerator) ->
    any Pooling
  typealias Check<Description> = @Sendable (Description, TokenLayout) throws(InputError) -> Void

  /// The settings, efficient-probing's unless others are given; nil for AbMILP, which has a description of its own.
  let defaults: AttentiveDescription?
  /// The settings that the kind has; the others keep their defaults.
  let settings: Set<AttentiveSetting>
  /// The tokens that it can look at.
  let contents: [TokenContent]
  /// Throws where tokens of a layout are not what the head can be made for.
  let check: Check<HeadDescription>
  let make: Make<HeadDescription>
  /// The largest of its parameters, with the names that they have in a file.
  let largest: @Sendable (HeadDescription, TokenLayout) -> [String: [Int]]

  init(
    _ defaults: AttentiveDescription = AttentiveDescription(), settings: Set<AttentiveSetting> = [],
    contents: [TokenContent] = TokenContent.allCases,
    check: @escaping Check<AttentiveDescription> = { _, _ in },
    largest: @escaping @Sendable (AttentiveDescription, TokenLayout) -> [String: [Int]],
    make: @escaping Make<AttentiveDescription>
  ) {
    self.defaults = defaults
    self.settings = settings
    self.contents = contents
    self.check = { (description, layout) throws(InputError) in try check(description.attentive!, layout) }
    self.largest = { largest($0.attentive!, $1) }
    self.make = { make($0.attentive!, $1, $2, $3, &$4) }
  }

  private init(
    abmilp check: @escaping Check<AbMILPDescription>,
    largest: @escaping @Sendable (AbMILPDescription, TokenLayout) -> [String: [Int]],
    make: @escaping Make<AbMILPDescription>
  ) {
    (defaults, settings, contents) = (nil, [], TokenContent.allCases)
    self.check = { (description, layout) throws(InputError) in try check(description.abmilp!, layout) }
    self.largest = { largest($0.abmilp!, $1) }
    self.make = { make($0.abmilp!, $1, $2, $3, &$4) }
  }

  // MARK: - The table

  static let all: [HeadDescription.Features: AttentiveRecipe] = [
    .abmilp: AttentiveRecipe(
      abmilp: { (_, layout) throws(InputError) in
        guard layout.width % 4 == 0 else {
          throw InputError(
            "--cls-features abmilp", "needs tokens of a width divisible by 4, not of \(layout.width)",
            remedy: "use another head")
        }
      },
      largest: { description, layout in
        let width = layout.width
        var shapes = ["pos_embed": [1, layout.tokenCount - layout.firstToken(description.content), width]]
        for layer in 0..<description.depth {
          let outputs = layer < description.depth - 1 ? width : 1
          shapes["attention_predictor.\(2 * layer).weight"] = [outputs, width]
        }
        if description.selfAttention != .none { shapes["self_attn.qkv.weight"] = [3 * width, width] }
        return shapes
      },
      make: { description, layout, batchSize, products, generator in
        let isPlain = description.depth == 1 && description.selfAttention == .none
        return isPlain
          ? AbMILPPooling(description, layout: layout, batchSize: batchSize, products: products, &generator)
            as any Pooling
          : AbMILPTokenPooling(
            description, layout: layout, batchSize: batchSize, products: products, &generator)
      }),
    .ep: AttentiveRecipe(
      AttentiveDescription(queryCount: 32), settings: [.queries, .outputDivisor],
      check: checkSlices,
      largest: {
        ["v.weight": [$1.width / $0.outputDivisor, $1.width], "cls_token": [1, $0.queryCount, $1.width]]
      }
    ) { EfficientProbing($0, layout: $1, batchSize: $2, products: $3, &$4) },
    .simpool: AttentiveRecipe(
      largest: { ["wk.weight": [$1.width, $1.width]] }
    ) { SimPool($0, layout: $1, batchSize: $2, products: $3, &$4) },
    .aim: AttentiveRecipe(
      AttentiveDescription(headCount: 16), settings: [.heads], check: checkHeads,
      largest: { ["v.weight": [$1.width, $1.width], "cls_token": [1, $0.queryCount, $1.width]] }
    ) { AIMPooling($0, layout: $1, batchSize: $2, products: $3, &$4) },
    .jepa: AttentiveRecipe(
      AttentiveDescription(headCount: 16), settings: [.heads], check: checkHeads,
      largest: {
        ["cross_attention_block.mlp.fc1.weight": [Perceptron.expansion * $1.width, $1.width]]
      }
    ) { JEPAPooling($0, layout: $1, batchSize: $2, products: $3, &$4) },
    .siglip: AttentiveRecipe(
      AttentiveDescription(headCount: 8), settings: [.heads], check: checkHeads,
      largest: { ["mlp.fc1.weight": [Perceptron.expansion * $1.width, $1.width]] }
    ) { SigLIPPooling($0, layout: $1, batchSize: $2, products: $3, &$4) },
    .coca: AttentiveRecipe(
      AttentiveDescription(queryCount: 196, headCount: 8, headWidth: 64), settings: [.heads],
      largest: {
        [
          "img_queries": [$0.queryCount, $1.width], "to_q.weight": [$0.headCount * $0.headWidth!, $1.width],
          "to_kv.weight": [2 * $0.headWidth!, $1.width],
        ]
      }
    ) { NormalizedQueryPooling(coca: $0, layout: $1, batchSize: $2, products: $3, &$4) },
    .cae: AttentiveRecipe(
      AttentiveDescription(headCount: 8), settings: [.heads], check: checkHeads,
      largest: { ["cross_attn.q.weight": [$1.width, $1.width]] }
    ) { NormalizedQueryPooling(cae: $0, layout: $1, batchSize: $2, products: $3, &$4) },
    .cait: AttentiveRecipe(
      AttentiveDescription(headCount: 4), settings: [.heads], check: checkHeads,
      largest: {
        ["blocks_token_only.0.mlp.fc1.weight": [Perceptron.expansion * $1.width, $1.width]]
      }
    ) { CaiTPooling($0, layout: $1, batchSize: $2, products: $3, &$4) },
    .clip: AttentiveRecipe(
      AttentiveDescription(headCount: 4), settings: [.heads], check: checkHeads,
      largest: {
        [
          "qkv.weight": [3 * $1.width, $1.width],
          "pos_embed": [$1.tokenCount - $1.firstToken($0.content) + 1, $1.width],
        ]
      }
    ) { CLIPPooling($0, layout: $1, batchSize: $2, products: $3, &$4) },
    // A prefix token has no place in the grid that CBAM convolves over.
    .cbam: AttentiveRecipe(
      contents: [.patch],
      largest: { ["channel.fc1.weight": [CBAM.hiddenWidth($1.width), $1.width, 1, 1]] }
    ) { CBAM($0, layout: $1, batchSize: $2, &$4) },
    .dolg: AttentiveRecipe(
      largest: { ["conv1.weight": [$1.width, $1.width, 1, 1]] }
    ) { DOLG($0, layout: $1, batchSize: $2, products: $3, &$4) },
  ]

  // MARK: - Checks

  /// That each query has a slice of the values of its own.
  private static func checkSlices(
    _ description: AttentiveDescription, _ layout: TokenLayout
  ) throws(InputError) {
    let (queries, divisor) = (description.queryCount, description.outputDivisor)
    guard layout.width % (divisor * queries) == 0 else {
      throw InputError(
        "--ep-queries \(queries)",
        "tokens of width \(layout.width) do not split into \(queries) slices of width / \(divisor)",
        remedy: "use a number of queries that divides it")
    }
  }

  /// That each attention head has channels of its own.
  private static func checkHeads(
    _ description: AttentiveDescription, _ layout: TokenLayout
  ) throws(InputError) {
    guard layout.width % description.headCount == 0 else {
      throw InputError(
        "--num-heads \(description.headCount)",
        "tokens of width \(layout.width) do not split into so many heads",
        remedy: "use a number of heads that divides it")
    }
  }
}

/// A setting that some kinds of attentive heads have.
public enum AttentiveSetting: Sendable {
  /// Learned queries.
  case queries
  /// Attention heads.
  case heads
  /// By how much the features are narrower than the tokens.
  case outputDivisor
}

extension HeadDescription.Features {
  var recipe: AttentiveRecipe? { AttentiveRecipe.all[self] }

  /// Whether the features have parameters.
  public var isAttentive: Bool { recipe != nil }

  /// The tokens that an attentive head can look at; none for features without parameters.
  public var contents: [TokenContent] { recipe?.contents ?? [] }

  /// The description of a head of this kind. Settings that are nil, and those that the kind does not have, are
  /// efficient-probing's defaults.
  ///
  /// - Returns: nil for features without parameters, and for AbMILP.
  public func attentiveDescription(
    content: TokenContent = .patch, settings: [AttentiveSetting: Int] = [:]
  ) -> AttentiveDescription? {
    guard let recipe, var description = recipe.defaults else { return nil }
    description.content = content
    if recipe.settings.contains(.queries), let count = settings[.queries] { description.queryCount = count }
    if recipe.settings.contains(.heads), let count = settings[.heads] { description.headCount = count }
    if recipe.settings.contains(.outputDivisor), let divisor = settings[.outputDivisor] {
      description.outputDivisor = divisor
    }
    return description
  }
}
