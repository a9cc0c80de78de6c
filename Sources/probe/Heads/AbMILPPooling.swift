import Compute

/// Attention-based multiple-instance-learning pooling at depth 1 (Ilse et al. 2018, equation 7 without the gate; the seed's
/// `ABMILPHead`): one learned query.
///
/// Paper to names: a token is x_t, its score s_t = w . (x_t + p_t) + b with p_t its position embedding, which is there with
/// ``AbMILPDescription/Condition/positionEmbedding`` only, the attention a = softmax(s), the features sum over t of a_t x_t.
/// The embedding starts as a sine-cosine one and is trained, as in the seed, whose probe trains every parameter of the head.
package final class AbMILPPooling: QueryPooling {
  package let outputWidth: Int
  package let queries: PoolingQueries
  private let scorer: AbMILPScorer

  package init(
    _ description: AbMILPDescription, layout: TokenLayout, batchSize: Int, products: MatrixProducts,
    _ generator: inout SeededGenerator
  ) {
    precondition(description.depth == 1 && description.selfAttention == .none)
    outputWidth = layout.width
    scorer = AbMILPScorer(description, layout: layout, products: products, &generator)
    var form = PoolingQueries.Form(count: 1)
    form.content = description.content
    form.offsets = scorer.positionEmbedding == nil ? .none : .shared
    queries = PoolingQueries(form, layout: layout, batchSize: batchSize)
  }

  package var parameters: [Parameter] { scorer.parameters }
  package var constants: [Parameter] { scorer.constants }

  package func beginForward(count: Int, training: Bool, _ parallel: Parallel) {
    let weight = scorer.score.weight.values.pointer
    queries.values.pointer.update(from: weight, count: outputWidth)
    // Softmax does not see the bias, which every token's score has.
    guard let embedding = scorer.positionEmbedding else { return }
    StoredTokens(
      .float32, embedding.values.pointer, tokenCount: embedding.count / outputWidth, width: outputWidth
    ).dots(query: weight, into: queries.offsets.pointer + queries.firstToken)
  }

  package func finishForward(count: Int, into features: SharedBuffer<Float>, _ parallel: Parallel) {
    features.pointer.update(from: queries.sums.pointer, count: count * outputWidth)
  }

  package func beginBackward(count: Int, gradient: SharedBuffer<Float>, _ parallel: Parallel) {
    queries.sums.pointer.update(from: gradient.pointer, count: count * outputWidth)
  }

  package func finishBackward(count: Int, groupCount: Int, _ parallel: Parallel) {
    let weight = scorer.score.weight
    for channel in 0..<outputWidth { weight.gradient.pointer[channel] += queries.gradients.pointer[channel] }
    guard let embedding = scorer.positionEmbedding else { return }
    // The embedding is added to every image's tokens: its gradient is the scores', times w; and w sees the embedding.
    let scores = queries.offsetGradients.pointer + queries.firstToken
    let tokenCount = embedding.count / outputWidth
    StoredTokens(.float32, embedding.values.pointer, tokenCount: tokenCount, width: outputWidth)
      .addWeightedSum(weights: scores, to: weight.gradient.pointer)
    for token in 0..<tokenCount {
      let row = embedding.gradient.pointer + token * outputWidth
      for channel in 0..<outputWidth { row[channel] += scores[token] * weight.values.pointer[channel] }
    }
  }
}
