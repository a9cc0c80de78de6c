import Compute

extension NormalizedQueryPooling {
  /// The attentional pooler of CoCa (Yu et al. 2022, arXiv 2205.01917; coca-pytorch's `CrossAttention`): heads of a width of
  /// their own share one projection of keys and one of values.
  ///
  /// features = O ATTEND(A (g * n(c_1)), K x_t, V x_t), n the normalisation to mean 0 and variance 1, and ATTEND
  /// ``LearnedQueryAttention``. Of the learned queries c only the first has any effect.
  package convenience init(
    coca description: AttentiveDescription, layout: TokenLayout, batchSize: Int,
    products: MatrixProducts, _ generator: inout SeededGenerator
  ) {
    let width = layout.width
    let (heads, headWidth) = (description.headCount, description.headWidth!)
    let learned = Parameter("img_queries", shape: [description.queryCount, width])
    learned.initialize(deviation: 1, &generator)
    let norm = LayerNormLayer(
      weight: Parameter("norm.gamma", shape: [width]), bias: Parameter("norm.beta", shape: [width]))
    let queryLayer = DenseLayer(
      "to_q", inputWidth: width, outputWidth: heads * headWidth, hasBias: false, products: products,
      &generator)
    let pair = DenseLayer(
      "to_kv", inputWidth: width, outputWidth: 2 * headWidth, hasBias: false, products: products, &generator)
    let projection = DenseLayer(
      "to_out", inputWidth: heads * headWidth, outputWidth: width, hasBias: false, products: products,
      &generator)
    var form = PoolingQueries.Form()
    form.content = description.content
    self.init(
      learned: learned, norm: norm, queryLayer: queryLayer,
      attention: LearnedQueryAttention(
        keys: TokenProjection(
          pair.weight, headCount: heads, headWidth: headWidth, isShared: true, products: products),
        values: TokenProjection(
          pair.weight, firstRow: headWidth, headCount: heads, headWidth: headWidth, isShared: true,
          products: products),
        form: form, layout: layout, batchSize: batchSize),
      projection: projection, width: width,
      parameters: [learned, norm.weight] + queryLayer.parameters + pair.parameters + projection.parameters,
      constants: [norm.bias])
  }
}
