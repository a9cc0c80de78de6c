import Compute

extension NormalizedQueryPooling {
  /// The attentive head of the context autoencoder (Chen et al. 2022, arXiv 2202.03026; `CAEAttentiveBlock`): cross-attention
  /// with a layer norm each for query, keys and values.
  ///
  /// features = P ATTEND(A LayerNorm_q(c), K LayerNorm_k(x_t), V LayerNorm_v(x_t)) + p, where ATTEND is
  /// ``LearnedQueryAttention``. `norm2_cross` is in the file, and nothing uses it.
  package convenience init(
    cae description: AttentiveDescription, layout: TokenLayout, batchSize: Int,
    products: MatrixProducts, _ generator: inout SeededGenerator
  ) {
    let (width, heads) = (layout.width, description.headCount)
    func layer(_ name: String, hasBias: Bool) -> DenseLayer {
      DenseLayer(
        "cross_attn." + name, inputWidth: width, outputWidth: width, hasBias: hasBias, products: products,
        &generator)
    }
    let learned = Parameter("query_token", shape: [1, 1, width])
    let norm = LayerNormLayer("norm1_q", width: width)
    let keyNorm = LayerNormLayer("norm1_k", width: width)
    let valueNorm = LayerNormLayer("norm1_v", width: width)
    let queryLayer = layer("q", hasBias: false)
    let (key, value) = (layer("k", hasBias: false), layer("v", hasBias: false))
    let projection = layer("proj", hasBias: true)
    var form = PoolingQueries.Form()
    form.content = description.content
    form.layerNormEpsilon = keyNorm.epsilon
    self.init(
      learned: learned, norm: norm, queryLayer: queryLayer,
      attention: LearnedQueryAttention(
        keys: TokenProjection(
          key.weight, headCount: heads, headWidth: width / heads, affine: TokenAffine(keyNorm),
          products: products),
        values: TokenProjection(
          value.weight, headCount: heads, headWidth: width / heads, affine: TokenAffine(valueNorm),
          products: products),
        form: form, layout: layout, batchSize: batchSize),
      projection: projection, width: width,
      parameters: [learned] + norm.parameters + keyNorm.parameters + valueNorm.parameters
        + queryLayer.parameters + key.parameters + value.parameters + projection.parameters,
      constants: LayerNormLayer("norm2_cross", width: width).parameters)
  }
}
