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
    /// Whether something that depends on the token's place alone is added to the scores.
    package var hasOffsets = false
    /// Tokens are normalised first, as LayerNorm does it without its affine part; nil where they are taken as they are.
    package var layerNormEpsilon: Float?

    package init(count: Int) { self.count = count }
  }

  package let form: Form
  let width: Int
  let firstToken: Int
  let tokenCount: Int
  /// From one row of scores to the next: T, filled up to whole blocks of the kernels.
  let stride: Int
  /// [Q, D], or [B, Q, D] where every image has its own.
  package let values: SharedBuffer<Float>
  /// Of the shape of `values`: the gradients with respect to them.
  package let gradients: SharedBuffer<Float>
  /// [Q, stride], added to the scores; empty where there are none.
  package let offsets: SharedBuffer<Float>
  /// [Q, stride]
  package let offsetGradients: SharedBuffer<Float>
  /// [B, Q, stride]: the softmax over the tokens, 0 for those that take no part.
  package let attention: SharedBuffer<Float>
  /// [B, Q, D]: the weighted sums of the tokens, and from `beginBackward` on the gradients with respect to them.
  package let sums: SharedBuffer<Float>
  fileprivate let offsetParts: GroupSums

  package init(_ form: Form, layout: TokenLayout, batchSize: Int) {
    self.form = form
    width = layout.width
    firstToken = layout.firstToken(form.content)
    tokenCount = layout.tokenCount
    stride = pb_pooling_padded(layout.tokenCount)
    let queryCount = form.count * (form.perImage ? batchSize : 1)
    values = SharedBuffer(count: queryCount * width)
    gradients = SharedBuffer(count: queryCount * width)
    offsets = SharedBuffer(count: form.hasOffsets ? form.count * stride : 0)
    offsetGradients = SharedBuffer(count: offsets.count)
    attention = SharedBuffer(count: batchSize * form.count * stride)
    sums = SharedBuffer(count: batchSize * form.count * width)
    offsetParts = GroupSums(count: offsets.count)
  }

  /// An image's queries, [Q, D].
  fileprivate func values(_ index: Int) -> UnsafeMutablePointer<Float> {
    values.pointer + (form.perImage ? index * form.count * width : 0)
  }
}

/// Visits images for the queries of many heads at once: their products with the tokens are one small matrix product, and so
/// are the weighted sums. Of a head, every bit is the same whatever other heads are there.
///
/// Source: multi-head cross-attention with learned queries (Lee et al. 2019, pooling by multi-head attention), the key
/// projection moved to the other side of the product.
package final class QueryAttention: Sendable {
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

    init(queryCount: Int, width: Int, stride: Int) {
      rows = SharedBuffer(count: queryCount * stride)
      (left, sums) = (SharedBuffer(count: queryCount * width), SharedBuffer(count: queryCount * width))
      corrections = SharedBuffer(count: queryCount)
    }
  }

  package init(_ poolings: [any QueryPooling], layout: TokenLayout) {
    let queries = poolings.map(\.queries)
    heads = queries.filter { !$0.form.perImage } + queries.filter { $0.form.perImage }
    var starts: [Int] = []
    var end = 0
    for head in heads {
      starts.append(end)
      end += head.form.count
    }
    self.starts = starts
    (queryCount, width, stride) = (end, layout.width, pb_pooling_padded(layout.tokenCount))
    sharedCount = heads.filter { !$0.form.perImage }.reduce(0) { $0 + $1.form.count }
    sharedQueries = SharedBuffer(count: sharedCount * width)
    sharedParts = GroupSums(count: sharedCount * width)
  }

  private func scratch(_ image: ImageTokens) -> Scratch {
    image.scratch(of: self) { Scratch(queryCount: queryCount, width: width, stride: stride) }
  }

  package var isEmpty: Bool { heads.isEmpty }

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
    image.stored.dots(queries: queries, count: queryCount, into: rows, stride: stride)
    forEachHead { head, start in
      let tokens = kernelTokens(head, image)
      for query in 0..<head.form.count {
        let row = start + query
        scratch.corrections.pointer[row] = pb_pooling_softmax(
          tokens, rows + row * stride,
          head.form.hasOffsets ? UnsafePointer(head.offsets.pointer + query * stride) : nil,
          sum(queries + row * width, of: head),
          head.attention.pointer + (index * head.form.count + query) * stride)
      }
    }
    let sums = scratch.sums.pointer
    sums.update(repeating: 0, count: queryCount * width)
    image.stored.addWeightedSums(weights: rows, stride: stride, count: queryCount, to: sums)
    correct(sums, scratch)
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
    sharedParts.clear()
    for head in heads { head.offsetParts.clear() }
  }

  /// Adds the image's part to the gradients of the queries.
  package func backward(_ image: ImageTokens, index: Int, group: Int) {
    let scratch = scratch(image)
    let (rows, left) = (scratch.rows.pointer, scratch.left.pointer)
    forEachHead { head, start in
      let count = head.form.count * width
      (left + start * width).update(from: head.sums.pointer + index * count, count: count)
    }
    image.stored.dots(queries: left, count: queryCount, into: rows, stride: stride)
    forEachHead { head, start in
      let tokens = kernelTokens(head, image)
      for query in 0..<head.form.count {
        let row = start + query
        scratch.corrections.pointer[row] = pb_pooling_softmax_backward(
          tokens, head.attention.pointer + (index * head.form.count + query) * stride, rows + row * stride,
          sum(left + row * width, of: head),
          head.form.hasOffsets ? head.offsetParts.partial(group) + query * stride : nil)
      }
    }
    let sums = scratch.sums.pointer
    sums.update(repeating: 0, count: queryCount * width)
    image.stored.addWeightedSums(weights: rows, stride: stride, count: queryCount, to: sums)
    correct(sums, scratch)
    let shared = sharedParts.partial(group)
    for element in 0..<sharedCount * width { shared[element] += sums[element] }
    forEachHead { head, start in
      guard head.form.perImage else { return }
      let count = head.form.count * width
      (head.gradients.pointer + index * count).update(from: sums + start * width, count: count)
    }
  }

  /// Leaves the gradients with the heads.
  package func finishBackward(groupCount: Int, _ parallel: Parallel) throws {
    let total = try sharedParts.total(groupCount: groupCount, parallel)
    forEachHead { head, start in
      guard !head.form.perImage else { return }
      head.gradients.pointer.update(from: total + start * width, count: head.form.count * width)
    }
    for head in heads where head.form.hasOffsets {
      let total = try head.offsetParts.total(groupCount: groupCount, parallel)
      head.offsetGradients.pointer.update(from: total, count: head.offsetGradients.count)
    }
  }

  // MARK: - Normalised tokens

  private func kernelTokens(_ head: PoolingQueries, _ image: ImageTokens) -> pb_pooling_tokens {
    let moments = head.form.layerNormEpsilon.map { image.moments(epsilon: $0) }
    return pb_pooling_tokens(
      token_count: head.tokenCount, first: head.firstToken, means: moments.map { .init($0.means.pointer) },
      inverse_deviations: moments.map { .init($0.inverseDeviations.pointer) })
  }

  /// The sum of a vector's elements, where tokens are normalised; nobody asks for it otherwise.
  private func sum(_ vector: UnsafePointer<Float>, of head: PoolingQueries) -> Float {
    guard head.form.layerNormEpsilon != nil else { return 0 }
    var sum = 0.0
    for channel in 0..<width { sum += Double(vector[channel]) }
    return Float(sum)
  }

  private func correct(_ sums: UnsafeMutablePointer<Float>, _ scratch: Scratch) {
    forEachHead { head, start in
      guard head.form.layerNormEpsilon != nil else { return }
      for row in start..<start + head.form.count {
        let correction = scratch.corrections.pointer[row]
        for element in row * width..<(row + 1) * width { sums[element] -= correction }
      }
    }
  }
}
