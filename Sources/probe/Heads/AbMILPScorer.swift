import Compute

/// The perceptron that scores a token in AbMILP (Ilse et al. 2018, equation 7 without the gate; the seed's
/// `attention_predictor`): depth - 1 linear layers with activations, and a last one to a single score.
struct AbMILPScorer: Sendable {
  let hidden: [DenseLayer]
  let score: DenseLayer
  /// [1, T', D], added to the T' pooled tokens before they are scored; nil where scores do not depend on the place.
  let positionEmbedding: Parameter?
  /// What the seed keeps in the head although no score depends on it.
  let constantEmbedding: Parameter?

  init(
    _ description: AbMILPDescription, layout: TokenLayout, products: MatrixProducts,
    _ generator: inout SeededGenerator
  ) {
    var layers: [DenseLayer] = []
    for layer in 0..<description.depth {
      // Layers and activations alternate in the seed's nn.Sequential, so that layers have the even numbers.
      layers.append(
        DenseLayer(
          "attention_predictor.\(2 * layer)", inputWidth: layout.width,
          outputWidth: layer == description.depth - 1 ? 1 : layout.width, products: products, &generator))
    }
    hidden = Array(layers.dropLast())
    score = layers[layers.count - 1]
    let firstToken = layout.firstToken(description.content)
    let values = PositionEmbedding.sineCosine(
      prefixTokenCount: layout.prefixTokenCount - firstToken, gridHeight: layout.gridHeight,
      gridWidth: layout.gridWidth, width: layout.width)
    let embedding = Parameter("pos_embed", shape: [1, layout.tokenCount - firstToken, layout.width])
    _ = embedding.values.buffer.update(fromContentsOf: values)
    let isUsed = description.condition == .positionEmbedding
    (positionEmbedding, constantEmbedding) = isUsed ? (embedding, nil) : (nil, embedding)
  }

  var parameters: [Parameter] {
    (hidden + [score]).flatMap(\.parameters) + (positionEmbedding.map { [$0] } ?? [])
  }

  var constants: [Parameter] { constantEmbedding.map { [$0] } ?? [] }
}
