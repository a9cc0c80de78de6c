import Compute
import Synchronization
import TokenStore

/// How long the tokens of a cache are, before the final norm. Vision Transformers use some patches of little content as
/// registers: outliers in length (Darcet et al., "Vision Transformers Need Registers", 2024).
package struct TokenNormSurvey: Sendable {
  /// Of one stored block.
  package struct Block: Sendable {
    package let block: Int
    /// Of patches, ascending.
    package let patches: [Float]
    /// Of [cls], ascending; empty in models without it.
    package let classTokens: [Float]
    /// Of the other tokens before the patches, ascending.
    package let registers: [Float]
    /// [grid height, grid width]: the mean over images at each place.
    package let meanByPlace: [Float]
    /// The norms that are not numbers or infinite, which are in none of the above.
    package let brokenCount: Int

    /// Above it, a patch counts as an outlier: three times the distance of the quartiles beyond the third, where box plots
    /// have values that are "far out" (Tukey, 1977). Of normally distributed values, three in a million are.
    package var threshold: Float {
      let (first, third) = (patches.quantile(0.25), patches.quantile(0.75))
      return third + 3 * (third - first)
    }

    package var outlierCount: Int { patches.count - patches.partitioningIndex { $0 > threshold } }
  }

  /// How many rows were measured, of how many good ones.
  package let rowCount: Int
  package let goodRowCount: Int
  /// By block, from the first that is stored.
  package let blocks: [Block]

  /// As many norms as are kept at once.
  private static let largestCount = 1 << 23
  private static let mostRows = 2000

  /// Measures rows that are spread evenly over the good ones of a cache with tokens.
  ///
  /// - Parameter onRows: told how many rows are measured of how many, before the first one, too, from any thread but never
  ///   twice at once. What it throws ends the work.
  package init(
    _ cache: TokenCache, parallel: Parallel,
    onRows: @Sendable (_ rows: Int, _ total: Int) throws -> Void = { _, _ in }
  ) throws {
    let good = cache.rowStates.indices.filter { cache.rowStates[$0] == .good }
    let tokenCount = cache.tokenCount
    let stored = cache.configuration.blocks
    let limit = min(Self.mostRows, max(1, Self.largestCount / (tokenCount * stored.count)))
    let count = min(limit, good.count)
    let rows = (0..<count).map { good[$0 * good.count / count] }
    let norms = SharedBuffer<Float>(count: stored.count * rows.count * tokenCount)
    let scratch = PerWorker(parallel) { SharedBuffer<Float>(count: tokenCount * cache.width) }
    let measured = Mutex(0)
    try onRows(0, rows.count)
    try parallel.forEach(rows.count) { index, worker in
      let values = try scratch.value(worker)
      for (place, block) in stored.enumerated() {
        cache.tokens(row: rows[index], block: block).decode(into: values.pointer)
        for token in 0..<tokenCount {
          norms[(place * rows.count + index) * tokenCount + token] =
            Self.norm(values.pointer + token * cache.width, cache.width)
        }
      }
      try measured.withLock {
        $0 += 1
        try onRows($0, rows.count)
      }
    }
    rowCount = rows.count
    goodRowCount = good.count
    blocks = stored.enumerated().map { place, block in
      let range = place * rows.count * tokenCount..<(place + 1) * rows.count * tokenCount
      return Block(block, norms.buffer[range], cache.configuration.model)
    }
  }

  private static func norm(_ token: UnsafePointer<Float>, _ width: Int) -> Float {
    var sum = 0.0
    for channel in 0..<width { sum += Double(token[channel]) * Double(token[channel]) }
    return Float(sum.squareRoot())
  }

  /// [T] of each token of a row, of the last stored block.
  static func norms(_ cache: TokenCache, row: Int) -> [Float] {
    let values = SharedBuffer<Float>(count: cache.tokenCount * cache.width)
    cache.tokens(row: row).decode(into: values.pointer)
    return (0..<cache.tokenCount).map { norm(values.pointer + $0 * cache.width, cache.width) }
  }
}

extension TokenNormSurvey.Block {
  /// - Parameter norms: [rows, T]
  fileprivate init(
    _ block: Int, _ norms: UnsafeMutableBufferPointer<Float>.SubSequence, _ model: CacheConfiguration.Model
  ) {
    let (tokenCount, prefix) = (model.tokenCount, model.prefixTokenCount)
    var (patches, classTokens, registers) = ([Float](), [Float](), [Float]())
    var sums = [Double](repeating: 0, count: model.patchCount)
    var counts = [Int](repeating: 0, count: model.patchCount)
    var broken = 0
    for (index, norm) in norms.enumerated() {
      let token = index % tokenCount
      guard norm.isFinite else {
        broken += 1
        continue
      }
      if token >= prefix {
        patches.append(norm)
        sums[token - prefix] += Double(norm)
        counts[token - prefix] += 1
      } else if token == 0, model.hasClassToken {
        classTokens.append(norm)
      } else {
        registers.append(norm)
      }
    }
    self.block = block
    self.patches = patches.sorted()
    self.classTokens = classTokens.sorted()
    self.registers = registers.sorted()
    meanByPlace = zip(sums, counts).map { Float($0 / Double($1)) }
    brokenCount = broken
  }
}

extension [Float] {
  /// Of ascending values, between them where need be; not a number where there are none.
  func quantile(_ share: Double) -> Float {
    guard !isEmpty else { return .nan }
    let place = share * Double(count - 1)
    let index = Swift.min(Int(place), count - 1)
    let next = Swift.min(index + 1, count - 1)
    return self[index] + (self[next] - self[index]) * Float(place - Double(index))
  }

  /// Of values that fulfil a condition from some place on: that place.
  fileprivate func partitioningIndex(where condition: (Float) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if condition(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
