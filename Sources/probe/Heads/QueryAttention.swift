import CKernels
import Compute

/// A pooling whose every feature is made of weighted sums of tokens, the weights a softmax of the tokens' products with
/// queries. Key projections are folded into the queries and value projections applied to the sums, so that a token costs
/// Q x D and not D x D.
///
/// `beginForward` writes the queries, `finishForward` makes features of the sums; `beginBackward` replaces the sums by
/// their gradients, `finishBackward` makes parameters' gradients of the queries'. The visits are ``QueryAttention``'s.
package protocol QueryPooling: Pooling {
  var queries: PoolingQueries { get }
}

/// The queries of one head, and what becomes of them. All in single precision.
package final class PoolingQueries: Sendable {
  /// What the queries look at.
  package struct Form: Sendable {
    /// Q
    package var count: Int
    package var content = TokenContent.patch
    /// Whether every image has queries of its own.
    package var perImage = false
    /// What is added to the scores.
    package var offsets = Offsets.none
    /// A token of the head's own, which takes part as if it followed the image's.
    package var extraToken = ExtraToken.none
    /// Tokens are normalised first, as LayerNorm does it without its affine part; nil where they are taken as they are.
    package var layerNormEpsilon: Float?

    package init(count: Int = 1) { self.count = count }

    package enum Offsets: Sendable {
      case none
      /// The same for every image.
      case shared
      /// Every image's own; what else depends on the attention may then be told, too.
      case perImage
    }

    package enum ExtraToken: Sendable {
      case none
      /// The same for every image, with a gradient.
      case shared
      /// Every image's own; no gradient is taken.
      case perImage
    }
  }

  package let form: Form
  let width: Int
  let firstToken: Int
  let tokenCount: Int
  /// From one row of scores to the next: T and the extra token, filled up to whole blocks of the kernels.
  let stride: Int
  /// [Q, D], or [B, Q, D] where every image has its own.
  package let values: SharedBuffer<Float>
  /// Of the shape of `values`: the gradients with respect to them.
  package let gradients: SharedBuffer<Float>
  /// [Q, stride], or [B, Q, stride] where every image has its own: added to the scores; empty where there are none. Those
  /// of images then take, before the backward visits, gradients with respect to the attention that it has beside the sums.
  package let offsets: SharedBuffer<Float>
  /// Of the shape of `offsets`: the gradients with respect to the scores.
  package let offsetGradients: SharedBuffer<Float>
  /// [B, Q, stride]: the softmax over the tokens, 0 for those that take no part.
  package let attention: SharedBuffer<Float>
  /// [B, Q, D]: the weighted sums of the tokens, and from `beginBackward` on the gradients with respect to them.
  package let sums: SharedBuffer<Float>
  /// [D], or [B, D] where every image has its own; normalised, where tokens are. Empty where there is none.
  package let extraTokens: SharedBuffer<Float>
  /// [D], of the shared token.
  package let extraGradient: SharedBuffer<Float>
  fileprivate let offsetParts: GroupSums
  fileprivate let extraParts: GroupSums

  package init(_ form: Form, layout: TokenLayout, batchSize: Int) {
    self.form = form
    width = layout.width
    firstToken = layout.firstToken(form.content)
    tokenCount = layout.tokenCount
    stride = pb_pooling_padded(layout.tokenCount + (form.extraToken == .none ? 0 : 1))
    let queryCount = form.count * (form.perImage ? batchSize : 1)
    values = SharedBuffer(count: queryCount * width)
    gradients = SharedBuffer(count: queryCount * width)
    let offsetRows = [.none: 0, .shared: form.count, .perImage: batchSize * form.count][form.offsets]!
    offsets = SharedBuffer(count: offsetRows * stride)
    offsetGradients = SharedBuffer(count: offsets.count)
    attention = SharedBuffer(count: batchSize * form.count * stride)
    sums = SharedBuffer(count: batchSize * form.count * width)
    offsetParts = GroupSums(count: form.offsets == .shared ? offsets.count : 0)
    extraTokens = SharedBuffer(
      count: [.none: 0, .shared: width, .perImage: batchSize * width][form.extraToken]!)
    extraGradient = SharedBuffer(count: form.extraToken == .shared ? width : 0)
    extraParts = GroupSums(count: extraGradient.count)
  }

  /// An image's queries, [Q, D].
  fileprivate func values(_ index: Int) -> UnsafeMutablePointer<Float> {
    values.pointer + (form.perImage ? index * form.count * width : 0)
  }

  /// Where a query's row of offsets begins for an image; nil where there are none.
  fileprivate func offsetRow(_ index: Int, _ query: Int) -> Int? {
    switch form.offsets {
    case .none: nil
    case .shared: query * stride
    case .perImage: (index * form.count + query) * stride
    }
  }

  /// The token that follows an image's; nil where there is none.
  fileprivate func extraToken(_ index: Int) -> StoredTokens? {
    guard form.extraToken != .none else { return nil }
    let token = extraTokens.pointer + (form.extraToken == .perImage ? index * width : 0)
    return StoredTokens(.float32, token, tokenCount: 1, width: width)
  }
}

/// Visits images for the queries of many heads at once: their products with the tokens are one small matrix product, and so
/// are the weighted sums. Of a head, every bit is the same whatever other heads are there.
///
/// Source: multi-head cross-attention with learned queries (Lee et al. 2019, pooling by multi-head attention), the key
/// projection moved to the other side of the product.
///
/// Where operands are rounded, tokens are rounded once for all queries, with what they are multiplied with and their weights.
package final class QueryAttention: Sendable {
  private let products: MatrixProducts
  private let heads: [PoolingQueries]
  /// The first query of each head among all of them; heads whose queries belong to images come last.
  private let starts: [Int]
  /// All queries, and those that images share.
  private let queryCount: Int
  private let sharedCount: Int
  private let width: Int
  private let stride: Int
  /// [sharedCount, D]
  private let sharedQueries: SharedBuffer<Float>
  private let sharedParts: GroupSums

  /// One thread's memory.
  private final class Scratch {
    /// [queries, stride]
    let rows: SharedBuffer<Float>
    /// [queries, D]: queries or gradients.
    let left: SharedBuffer<Float>
    /// [queries, D]
    let sums: SharedBuffer<Float>
    /// [queries]: what is to be subtracted from the sums.
    let corrections: SharedBuffer<Float>
    /// [queries]: the sums of the elements of what tokens are multiplied with.
    let elementSums: SharedBuffer<Float>
    /// [D], all 1.
    let ones: SharedBuffer<Float>
    /// [queries, D]: what tokens are multiplied with, and [queries, stride]: their weights, rounded; empty where nothing is.
    let roundedVectors: SharedBuffer<UInt16>
    let roundedWeights: SharedBuffer<UInt16>

    init(queryCount: Int, width: Int, stride: Int, _ products: MatrixProducts) {
      let roundedCount = products == .bfloat16 ? queryCount : 0
      roundedVectors = SharedBuffer(count: roundedCount * width)
      roundedWeights = SharedBuffer(count: roundedCount * stride)
      rows = SharedBuffer(count: queryCount * stride)
      (left, sums) = (SharedBuffer(count: queryCount * width), SharedBuffer(count: queryCount * width))
      (corrections, elementSums) = (SharedBuffer(count: queryCount), SharedBuffer(count: queryCount))
      ones = SharedBuffer(count: width)
      ones.fill(1)
    }
  }

  package init(_ poolings: [any QueryPooling], layout: TokenLayout, _ products: MatrixProducts) {
    self.products = products
    let queries = poolings.map(\.queries)
    heads = queries.filter { !$0.form.perImage } + queries.filter { $0.form.perImage }
    var starts: [Int] = []
    var end = 0
    for head in heads {
      starts.append(end)
      end += head.form.count
    }
    self.starts = starts
    (queryCount, width) = (end, layout.width)
    stride = heads.map(\.stride).max() ?? 0
    sharedCount = heads.filter { !$0.form.perImage }.reduce(0) { $0 + $1.form.count }
    sharedQueries = SharedBuffer(count: sharedCount * width)
    sharedParts = GroupSums(count: sharedCount * width)
  }

  private func scratch(_ image: ImageTokens) -> Scratch {
    image.scratch(of: self) { Scratch(queryCount: queryCount, width: width, stride: stride, products) }
  }

  private func forEachHead(_ body: (_ head: PoolingQueries, _ start: Int) -> Void) {
    for (head, start) in zip(heads, starts) { body(head, start) }
  }

  // MARK: - Forward

  /// To be called when the heads have written their queries.
  package func beginForward() {
    forEachHead { head, start in
      guard !head.form.perImage else { return }
      (sharedQueries.pointer + start * width).update(
        from: head.values.pointer, count: head.form.count * width)
    }
  }

  /// Writes the image's attention and weighted sums.
  package func forward(_ image: ImageTokens, index: Int) {
    let scratch = scratch(image)
    let queries = queries(index, scratch)
    let rows = scratch.rows.pointer
    multiply(image, queries, index, scratch)
    forEachHead { head, start in
      let tokens = kernelTokens(head, image)
      for query in 0..<head.form.count {
        let row = start + query
        scratch.corrections.pointer[row] = pb_pooling_softmax(
          tokens, rows + row * stride,
          head.offsetRow(index, query).map { UnsafePointer(head.offsets.pointer + $0) },
          scratch.elementSums.pointer[row],
          head.attention.pointer + (index * head.form.count + query) * head.stride)
      }
    }
    let sums = addUp(image, index, scratch)
    forEachHead { head, start in
      let count = head.form.count * width
      (head.sums.pointer + index * count).update(from: sums + start * width, count: count)
    }
  }

  /// All queries of an image side by side, [queries, D].
  private func queries(_ index: Int, _ scratch: Scratch) -> UnsafePointer<Float> {
    guard sharedCount < queryCount else { return UnsafePointer(sharedQueries.pointer) }
    let left = scratch.left.pointer
    forEachHead { head, start in
      (left + start * width).update(from: head.values(index), count: head.form.count * width)
    }
    return UnsafePointer(left)
  }

  // MARK: - Backward

  /// To be called when the heads have put gradients into the place of their sums.
  package func beginBackward() {
    for head in heads where head.form.offsets == .perImage { head.offsetGradients.fill(0) }
  }

  /// Adds the image's part to the gradients of the queries.
  package func backward(_ image: ImageTokens, index: Int, group: Int) {
    let scratch = scratch(image)
    let (rows, left) = (scratch.rows.pointer, scratch.left.pointer)
    forEachHead { head, start in
      let count = head.form.count * width
      (left + start * width).update(from: head.sums.pointer + index * count, count: count)
    }
    multiply(image, left, index, scratch)
    if image.isFirstOfGroup { clearParts(group) }
    forEachHead { head, start in
      let tokens = kernelTokens(head, image)
      for query in 0..<head.form.count {
        let row = start + query
        let offsets = head.offsetRow(index, query)
        scratch.corrections.pointer[row] = pb_pooling_softmax_backward(
          tokens, head.attention.pointer + (index * head.form.count + query) * head.stride,
          rows + row * stride,
          head.form.offsets == .perImage ? UnsafePointer(head.offsets.pointer + offsets!) : nil,
          scratch.elementSums.pointer[row], offsets.map { offsetGradients(head, group) + $0 })
      }
      addExtraGradient(head, left + start * width, rows + start * stride, index, group)
    }
    let sums = addUp(image, index, scratch)
    let shared = sharedParts.partial(group)
    for element in 0..<sharedCount * width { shared[element] += sums[element] }
    forEachHead { head, start in
      guard head.form.perImage else { return }
      let count = head.form.count * width
      (head.gradients.pointer + index * count).update(from: sums + start * width, count: count)
    }
  }

  private func clearParts(_ group: Int) {
    sharedParts.clear(group)
    for head in heads {
      head.offsetParts.clear(group)
      head.extraParts.clear(group)
    }
  }

  /// What an image adds its scores' gradients to.
  private func offsetGradients(_ head: PoolingQueries, _ group: Int) -> UnsafeMutablePointer<Float> {
    head.form.offsets == .perImage ? head.offsetGradients.pointer : head.offsetParts.partial(group)
  }

  /// The shared extra token is a part of the sums, with its attention, and of the scores.
  private func addExtraGradient(
    _ head: PoolingQueries, _ sumGradients: UnsafePointer<Float>, _ rows: UnsafePointer<Float>, _ index: Int,
    _ group: Int
  ) {
    guard head.form.extraToken == .shared else { return }
    let gradient = head.extraParts.partial(group)
    let values = head.values(index)
    for query in 0..<head.form.count {
      let attention = head.attention.pointer[
        (index * head.form.count + query) * head.stride + head.tokenCount]
      let score = rows[query * stride + head.tokenCount]
      let (sum, value) = (sumGradients + query * width, values + query * width)
      for channel in 0..<width { gradient[channel] += attention * sum[channel] + score * value[channel] }
    }
  }

  /// Leaves the gradients with the heads.
  package func finishBackward(groupCount: Int, _ parallel: Parallel) throws {
    let total = try sharedParts.total(groupCount: groupCount, parallel)
    forEachHead { head, start in
      guard !head.form.perImage else { return }
      head.gradients.pointer.update(from: total.pointer + start * width, count: head.form.count * width)
    }
    for head in heads where head.form.offsets == .shared {
      let total = try head.offsetParts.total(groupCount: groupCount, parallel)
      head.offsetGradients.pointer.update(from: total.pointer, count: head.offsetGradients.count)
    }
    for head in heads where head.form.extraToken == .shared {
      let total = try head.extraParts.total(groupCount: groupCount, parallel)
      head.extraGradient.pointer.update(from: total.pointer, count: width)
    }
  }

  // MARK: - Both ways

  /// Products of all tokens with queries or gradients, and the sums of these vectors' elements where tokens are normalised;
  /// nobody asks for them otherwise.
  private func multiply(
    _ image: ImageTokens, _ vectors: UnsafePointer<Float>, _ index: Int, _ scratch: Scratch
  ) {
    let rows = scratch.rows.pointer
    switch products {
    case .float32: image.stored.dots(queries: vectors, count: queryCount, into: rows, stride: stride)
    case .bfloat16:
      let rounded = scratch.roundedVectors.pointer
      _ = pb_f32_to_bf16(vectors, rounded, queryCount * width)
      if meetsStoredTokens(image) {
        pb_rounded_token_dots_f16(
          image.halves, image.stored.tokenCount, width, rounded, queryCount, rows, stride)
      } else {
        pb_rounded_token_dots_bf16(
          image.inBFloat16(), image.stored.tokenCount, width, rounded, queryCount, rows, stride)
      }
    }
    forEachHead { head, start in
      let own = vectors + start * width
      head.extraToken(index)?.dots(
        queries: own, count: head.form.count, into: rows + start * stride + head.tokenCount, stride: stride)
      guard head.form.layerNormEpsilon != nil else { return }
      // Of what the tokens have met, so that a token's mean is subtracted from the product that it is in.
      let met =
        products == .float32
        ? StoredTokens(.float32, own, tokenCount: head.form.count, width: width)
        : StoredTokens(
          .bfloat16, scratch.roundedVectors.pointer + start * width, tokenCount: head.form.count, width: width
        )
      met.dots(query: scratch.ones.pointer, into: scratch.elementSums.pointer + start)
    }
  }

  /// Sums of all tokens with the weights in the rows.
  ///
  /// - Returns: [queries, D]
  private func addUp(_ image: ImageTokens, _ index: Int, _ scratch: Scratch) -> UnsafeMutablePointer<Float> {
    let (rows, sums) = (scratch.rows.pointer, scratch.sums.pointer)
    sums.update(repeating: 0, count: queryCount * width)
    switch products {
    case .float32:
      image.stored.addWeightedSums(
        weights: rows, stride: stride, count: queryCount, to: sums, before: image.next)
    case .bfloat16:
      let rounded = scratch.roundedWeights.pointer
      _ = pb_f32_to_bf16(rows, rounded, queryCount * stride)
      // Tokens of other types are a half or twice as wide in memory.
      let next = image.next.flatMap {
        $0.type.byteCount == 2 ? $0.pointer.assumingMemoryBound(to: UInt16.self) : nil
      }
      if meetsStoredTokens(image) {
        pb_rounded_token_sums_f16(
          image.halves, image.stored.tokenCount, width, rounded, stride, queryCount, sums, next)
      } else {
        pb_rounded_token_sums_bf16(
          image.inBFloat16(), image.stored.tokenCount, width, rounded, stride, queryCount, sums, next)
      }
    }
    forEachHead { head, start in
      if head.form.layerNormEpsilon != nil {
        for row in start..<start + head.form.count {
          let (correction, sum) = (scratch.corrections.pointer[row], sums + row * width)
          for channel in 0..<width { sum[channel] -= correction }
        }
      }
      head.extraToken(index)?.addWeightedSums(
        weights: rows + start * stride + head.tokenCount, stride: stride, count: head.form.count,
        to: sums + start * width)
    }
    return sums
  }

  /// Whether queries are so few that tokens in float16 are rounded again for each of them: every bit is the same, and memory
  /// need not hold the rounded ones.
  private func meetsStoredTokens(_ image: ImageTokens) -> Bool {
    image.stored.type == .float16 && queryCount <= 2
  }

  private func kernelTokens(_ head: PoolingQueries, _ image: ImageTokens) -> pb_pooling_tokens {
    let moments = head.form.layerNormEpsilon.map { image.moments(epsilon: $0) }
    return pb_pooling_tokens(
      token_count: head.tokenCount + (head.form.extraToken == .none ? 0 : 1), first: head.firstToken,
      means: moments.map { .init($0.means.pointer) },
      inverse_deviations: moments.map { .init($0.inverseDeviations.pointer) })
  }
}
