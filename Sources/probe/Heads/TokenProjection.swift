import CKernels
import Compute

/// What is done to a normalised token's channels before it is projected: scale * z + shift, [D] each.
struct TokenAffine: Sendable {
  let scale: SharedBuffer<Float>
  let shift: SharedBuffer<Float>
  /// nil where scale and shift are not trained.
  let gradients: (scale: SharedBuffer<Float>, shift: SharedBuffer<Float>)?

  init(scale: SharedBuffer<Float>, shift: SharedBuffer<Float>) {
    (self.scale, self.shift, gradients) = (scale, shift, nil)
  }

  /// The affine part of a layer norm.
  init(_ norm: LayerNormLayer) {
    (scale, shift) = (norm.weight.values, norm.bias.values)
    gradients = (norm.weight.gradient, norm.bias.gradient)
  }
}

/// A linear projection of tokens for many attention heads, W (scale * z_t + shift) + b, that never meets a token. Its
/// product with a query is the tokens' own product with another query, and it is applied to weighted sums of tokens, whose
/// weights add up to 1, instead of tokens. What happens to channels before is folded into the weight, so that the work for
/// an image is one matrix product a head.
///
/// Head h of H has the rows W_h [d, D] of the weight. Vectors y [M, H, d] are those of heads, x [M, H, D] those of tokens:
///
///     values:   y_h = x_h W_h^T + b_h     from sums of tokens
///     keys:     x_h = c y_h W_h           from queries to what tokens are multiplied with, c = d^-1/2
///
/// What shift and b add to a key is the same for all tokens, so that softmax does not see it and no gradient comes back.
final class TokenProjection: Sendable {
  private static let rowsPerTile = 256
  private static let columnsPerTile = 384
  private static let columnsPerChunk = 128

  let headCount: Int
  let headWidth: Int
  private let width: Int
  private let weight: Parameter
  private let bias: Parameter?
  private let firstRow: Int
  private let rowCount: Int
  private let isShared: Bool
  private let affine: TokenAffine?
  private let products: MatrixProducts
  /// [rows, D]: the weight with the scale folded in, and the gradient with respect to it; empty without a scale.
  private let folded: SharedBuffer<Float>
  private let foldedGradient: SharedBuffer<Float>
  /// [rows]: what is added to every projected sum, and the gradient with respect to it; empty where nothing is.
  private let offset: SharedBuffer<Float>
  private let offsetGradient: SharedBuffer<Float>

  /// - Parameters:
  ///   - weight: has the projection's rows from `firstRow` on, so that keys and values may share a parameter.
  ///   - bias: likewise.
  ///   - isShared: whether all heads have the same d rows.
  init(
    _ weight: Parameter, bias: Parameter? = nil, firstRow: Int = 0, headCount: Int, headWidth: Int,
    isShared: Bool = false, affine: TokenAffine? = nil, products: MatrixProducts
  ) {
    self.headCount = headCount
    self.headWidth = headWidth
    width = weight.shape[1]
    self.weight = weight
    self.bias = bias
    self.firstRow = firstRow
    rowCount = isShared ? headWidth : headCount * headWidth
    self.isShared = isShared
    self.affine = affine
    self.products = products
    folded = SharedBuffer(count: affine == nil ? 0 : rowCount * width)
    foldedGradient = SharedBuffer(count: folded.count)
    offset = SharedBuffer(count: affine == nil && bias == nil ? 0 : rowCount)
    offsetGradient = SharedBuffer(count: offset.count)
    precondition(!isShared || offset.count == 0, "an offset belongs to one head")
  }

  private var own: UnsafeMutablePointer<Float> { weight.values.pointer + firstRow * width }
  private var effective: UnsafeMutablePointer<Float> { affine == nil ? own : folded.pointer }
  private var gradient: UnsafeMutablePointer<Float> {
    affine == nil ? weight.gradient.pointer + firstRow * width : foldedGradient.pointer
  }

  /// Where a head's rows begin.
  private func row(_ head: Int) -> Int { isShared ? 0 : head * headWidth }

  // MARK: - Before and after a batch

  /// To be called when the parameters have changed.
  func fold(_ parallel: Parallel) throws {
    guard offset.count > 0 else { return }
    try parallel.forEachChunk(of: rowCount, length: 64) { _, rows, _ in
      if let affine {
        for row in rows {
          let (from, to) = (own + row * width, folded.pointer + row * width)
          for channel in 0..<width { to[channel] = from[channel] * affine.scale.pointer[channel] }
        }
        StoredTokens(.float32, own + rows.lowerBound * width, tokenCount: rows.count, width: width)
          .dots(query: affine.shift.pointer, into: offset.pointer + rows.lowerBound)
      }
      guard let bias else { return }
      for row in rows {
        offset.pointer[row] = bias.values.pointer[firstRow + row] + (affine == nil ? 0 : offset.pointer[row])
      }
    }
  }

  /// To be called before gradients are added.
  func clear() {
    foldedGradient.fill(0)
    offsetGradient.fill(0)
  }

  /// Leaves the gradients with the parameters.
  func unfold(_ parallel: Parallel) throws {
    if let bias {
      for row in 0..<rowCount { bias.gradient.pointer[firstRow + row] += offsetGradient.pointer[row] }
    }
    guard let affine else { return }
    try parallel.forEachChunk(of: width, length: Self.columnsPerChunk) { _, columns, _ in
      withUnsafeTemporaryAllocation(of: Double.self, capacity: 2 * columns.count) { sums in
        sums.update(repeating: 0)
        for row in 0..<rowCount { unfold(row, columns, affine, sums.baseAddress!) }
        guard let gradients = affine.gradients else { return }
        for (index, channel) in columns.enumerated() {
          gradients.scale.pointer[channel] += Float(sums[index])
          gradients.shift.pointer[channel] += Float(sums[columns.count + index])
        }
      }
    }
  }

  /// - Parameter sums: [2, columns]: the gradients of scale and shift, added to.
  private func unfold(
    _ row: Int, _ columns: Range<Int>, _ affine: TokenAffine, _ sums: UnsafeMutablePointer<Double>
  ) {
    let start = row * width + columns.lowerBound
    let (values, slopes) = (own + start, foldedGradient.pointer + start)
    let target = weight.gradient.pointer + firstRow * width + start
    let (scale, shift) = (
      affine.scale.pointer + columns.lowerBound, affine.shift.pointer + columns.lowerBound
    )
    let slope = offsetGradient.pointer[row]
    for index in 0..<columns.count {
      target[index] += slopes[index] * scale[index] + slope * shift[index]
    }
    guard affine.gradients != nil else { return }
    for index in 0..<columns.count { sums[index] += Double(slopes[index] * values[index]) }
    let shiftSums = sums + columns.count
    for index in 0..<columns.count { shiftSums[index] += Double(slope * values[index]) }
  }

  // MARK: - Values

  /// - Parameters:
  ///   - sums: [M, H, D]
  ///   - count: M
  ///   - output: receives [M, H, d].
  func projectValues(
    _ sums: SharedBuffer<Float>, count: Int, into output: SharedBuffer<Float>, _ parallel: Parallel
  ) throws {
    try project(sums, count: count, scale: 1, addsOffset: offset.count > 0, into: output, parallel)
  }

  /// Puts the gradient with respect to the sums into their place.
  ///
  /// - Parameter gradient: [M, H, d], with respect to the values.
  func projectValuesBackward(
    _ sums: SharedBuffer<Float>, gradient: SharedBuffer<Float>, count: Int, _ parallel: Parallel
  ) throws {
    try addGradient(gradient, sums, count: count, scale: 1, parallel)
    if offset.count > 0 {
      pb_add_column_sums(gradient.pointer, count, rowCount, rowCount, offsetGradient.pointer)
    }
    try spread(gradient, count: count, scale: 1, into: sums, parallel)
  }

  // MARK: - Keys

  private var keyScale: Float { 1 / Float(headWidth).squareRoot() }

  /// - Parameters:
  ///   - queries: [M, H, d]
  ///   - count: M
  ///   - output: receives what tokens are multiplied with, [M, H, D].
  func foldKeys(
    _ queries: SharedBuffer<Float>, count: Int, into output: SharedBuffer<Float>, _ parallel: Parallel
  ) throws {
    try spread(queries, count: count, scale: keyScale, into: output, parallel)
  }

  /// - Parameters:
  ///   - gradient: [M, H, D], with respect to what tokens are multiplied with.
  ///   - queryGradient: receives [M, H, d].
  func foldKeysBackward(
    _ queries: SharedBuffer<Float>, gradient: SharedBuffer<Float>, count: Int,
    into queryGradient: SharedBuffer<Float>, _ parallel: Parallel
  ) throws {
    try addGradient(queries, gradient, count: count, scale: keyScale, parallel)
    try project(
      gradient, count: count, scale: keyScale, addsOffset: false, into: queryGradient, parallel)
  }

  // MARK: - Products

  /// y_h = scale x_h W_h^T + b_h
  private func project(
    _ x: SharedBuffer<Float>, count: Int, scale: Float, addsOffset: Bool, into y: SharedBuffer<Float>,
    _ parallel: Parallel
  ) throws {
    try forEachTile(count, parallel) { head, rows in
      let out = y.pointer + (rows.lowerBound * headCount + head) * headWidth
      if addsOffset {
        for row in 0..<rows.count {
          (out + row * headCount * headWidth).update(
            from: offset.pointer + head * headWidth, count: headWidth)
        }
      }
      products.multiply(
        transposeB: true, m: rows.count, n: headWidth, k: width, alpha: scale,
        a: x.pointer + (rows.lowerBound * headCount + head) * width, leadingA: headCount * width,
        b: effective + row(head) * width, leadingB: width, beta: addsOffset ? 1 : 0, c: out,
        leadingC: headCount * headWidth)
    }
  }

  /// x_h = scale y_h W_h
  private func spread(
    _ y: SharedBuffer<Float>, count: Int, scale: Float, into x: SharedBuffer<Float>, _ parallel: Parallel
  ) throws {
    try forEachTile(count, parallel) { head, rows in
      products.multiply(
        m: rows.count, n: width, k: headWidth, alpha: scale,
        a: y.pointer + (rows.lowerBound * headCount + head) * headWidth, leadingA: headCount * headWidth,
        b: effective + row(head) * width, leadingB: width,
        c: x.pointer + (rows.lowerBound * headCount + head) * width, leadingC: headCount * width)
    }
  }

  private func forEachTile(
    _ count: Int, _ parallel: Parallel, _ body: @Sendable (_ head: Int, _ rows: Range<Int>) -> Void
  ) throws {
    let tileCount = (count + Self.rowsPerTile - 1) / Self.rowsPerTile
    try parallel.forEach(headCount * tileCount) { index, _ in
      let start = index / headCount * Self.rowsPerTile
      body(index % headCount, start..<min(count, start + Self.rowsPerTile))
    }
  }

  /// Adds scale y_h^T x_h to the gradient of W_h.
  private func addGradient(
    _ y: SharedBuffer<Float>, _ x: SharedBuffer<Float>, count: Int, scale: Float, _ parallel: Parallel
  ) throws {
    let tilesAcross = (width + Self.columnsPerTile - 1) / Self.columnsPerTile
    let tilesDown = (headWidth + Self.rowsPerTile - 1) / Self.rowsPerTile
    let ownerCount = isShared ? 1 : headCount
    try parallel.forEach(ownerCount * tilesDown * tilesAcross) { index, _ in
      let column = index % tilesAcross * Self.columnsPerTile
      let first = index / tilesAcross % tilesDown * Self.rowsPerTile
      let owner = index / tilesAcross / tilesDown
      for head in isShared ? 0..<headCount : owner..<owner + 1 {
        products.multiply(
          transposeA: true, m: min(Self.rowsPerTile, headWidth - first),
          n: min(Self.columnsPerTile, width - column), k: count, alpha: scale,
          a: y.pointer + head * headWidth + first, leadingA: headCount * headWidth,
          b: x.pointer + head * width + column, leadingB: headCount * width, beta: 1,
          c: gradient + (row(head) + first) * width + column, leadingC: width)
      }
    }
  }
}
