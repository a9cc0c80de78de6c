import CKernels

/// Attention pooling over stored tokens: their products with queries, and their weighted sums, for many queries at once.
/// Of a query, every bit of the result is the same whatever other queries go with it.
extension StoredTokens {
  /// `out[q, t] = sum over d of tokens[t, d] * queries[q, d]`
  ///
  /// - Parameters:
  ///   - queries: [queryCount, width]
  ///   - out: receives queryCount rows of tokenCount products, `stride` elements apart.
  public func dots(
    queries: UnsafePointer<Float>, count queryCount: Int, into out: UnsafeMutablePointer<Float>, stride: Int
  ) {
    switch type {
    case .float32:
      pb_token_dots_f32(
        elements(), tokenCount, width, channelScales, queries, queryCount, out, stride)
    case .float16:
      pb_token_dots_f16(
        elements(), tokenCount, width, channelScales, queries, queryCount, out, stride)
    case .bfloat16:
      pb_token_dots_bf16(
        elements(), tokenCount, width, channelScales, queries, queryCount, out, stride)
    case .int8:
      pb_token_dots_i8(
        elements(), tokenCount, width, channelScales, queries, queryCount, out, stride)
    default: preconditionFailure("tokens are not stored as \(type)")
    }
    guard let tokenScales else { return }
    for query in 0..<queryCount {
      let row = out + query * stride
      for token in 0..<tokenCount { row[token] *= tokenScales[token] }
    }
  }

  /// `out[t] = sum over d of tokens[t, d] * query[d]`
  public func dots(query: UnsafePointer<Float>, into out: UnsafeMutablePointer<Float>) {
    dots(queries: query, count: 1, into: out, stride: tokenCount)
  }

  /// `out[q, d] += sum over t of weights[q, t] * tokens[t, d]`
  ///
  /// - Parameters:
  ///   - weights: queryCount rows of tokenCount weights, `stride` elements apart.
  ///   - out: [queryCount, width]
  ///   - next: as many tokens of the same type, which will be asked for afterwards: memory is asked for them meanwhile.
  public func addWeightedSums(
    weights: UnsafePointer<Float>, stride: Int, count queryCount: Int, to out: UnsafeMutablePointer<Float>,
    before next: StoredTokens? = nil
  ) {
    precondition(
      next == nil || next!.type == type && next!.tokenCount == tokenCount && next!.width == width,
      "the next tokens are laid out otherwise")
    guard let tokenScales else {
      return addUnscaledSums(
        weights: weights, stride: stride, count: queryCount, to: out, before: next)
    }
    withUnsafeTemporaryAllocation(of: Float.self, capacity: queryCount * tokenCount) { memory in
      let scaled = memory.baseAddress!
      for query in 0..<queryCount {
        let (from, to) = (weights + query * stride, scaled + query * tokenCount)
        for token in 0..<tokenCount { to[token] = from[token] * tokenScales[token] }
      }
      addUnscaledSums(weights: scaled, stride: tokenCount, count: queryCount, to: out, before: next)
    }
  }

  /// `out[d] += sum over t of weights[t] * tokens[t, d]`
  public func addWeightedSum(weights: UnsafePointer<Float>, to out: UnsafeMutablePointer<Float>) {
    addWeightedSums(weights: weights, stride: tokenCount, count: 1, to: out)
  }

  private func addUnscaledSums(
    weights: UnsafePointer<Float>, stride: Int, count queryCount: Int, to out: UnsafeMutablePointer<Float>,
    before next: StoredTokens?
  ) {
    switch type {
    case .float32:
      pb_token_weighted_sums_f32(
        elements(), tokenCount, width, channelScales, weights, stride, queryCount, out,
        next?.elements())
    case .float16:
      pb_token_weighted_sums_f16(
        elements(), tokenCount, width, channelScales, weights, stride, queryCount, out,
        next?.elements())
    case .bfloat16:
      pb_token_weighted_sums_bf16(
        elements(), tokenCount, width, channelScales, weights, stride, queryCount, out,
        next?.elements())
    case .int8:
      pb_token_weighted_sums_i8(
        elements(), tokenCount, width, channelScales, weights, stride, queryCount, out,
        next?.elements())
    default: preconditionFailure("tokens are not stored as \(type)")
    }
  }

  /// `out[d] = sum over t of (tokens[t, d] - means[d])^2`
  ///
  /// - Parameters:
  ///   - first: the first of the tokens that count.
  ///   - means: [width]
  ///   - out: receives [width].
  public func squares(
    from first: Int, around means: UnsafePointer<Float>, into out: UnsafeMutablePointer<Float>
  ) {
    func sum<Element>(
      _ kernel: (
        UnsafePointer<Element>?, Int, Int, Int, UnsafePointer<Float>?, UnsafePointer<Float>?,
        UnsafePointer<Float>?, UnsafeMutablePointer<Float>?
      ) -> Void
    ) {
      kernel(elements(), first, tokenCount, width, tokenScales?.baseAddress, channelScales, means, out)
    }
    switch type {
    case .float32: sum(pb_token_squares_f32)
    case .float16: sum(pb_token_squares_f16)
    case .bfloat16: sum(pb_token_squares_bf16)
    case .int8: sum(pb_token_squares_i8)
    default: preconditionFailure("tokens are not stored as \(type)")
    }
  }

  func elements<Element>() -> UnsafePointer<Element> { pointer.assumingMemoryBound(to: Element.self) }
}
