import Synchronization

/// Means and squared deviations of the attention statistics over some rows; those of two sets of rows can be merged
/// (Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979).
struct StatisticsMoments: Sendable {
  private let headCount: Int
  private(set) var rowCount = 0
  /// [L, H, 8]
  private var headMeans: [Double]
  /// [L, 10], of the means over heads, then of the magnitudes
  private var means: [Double]
  /// [L, 10], sums of squared deviations from the means
  private var squares: [Double]

  private static let attentionCount = RowLayout.attentionStatisticCount
  private static let count = attentionCount + 2

  init(model: CacheConfiguration.Model) {
    headCount = model.headCount
    headMeans = Array(repeating: 0, count: model.depth * model.headCount * Self.attentionCount)
    means = Array(repeating: 0, count: model.depth * Self.count)
    squares = means
  }

  /// Over the good rows among some of a cache's.
  init(_ shards: ShardSet, rows: Range<Int>, model: CacheConfiguration.Model) {
    self.init(model: model)
    guard let attention = shards.layout.index(of: RowLayout.attentionStatistics),
      let magnitudes = shards.layout.index(of: RowLayout.magnitudes)
    else { preconditionFailure("every cache has statistics") }
    let goodRows = rows.filter { shards.state(row: $0) == .good }
    guard !goodRows.isEmpty else { return }
    rowCount = goodRows.count
    var values = means
    for row in goodRows {
      let attention = shards.floats(dataset: attention, row: row)
      for index in headMeans.indices { headMeans[index] += Double(attention[index]) }
      averageOverHeads(attention, shards.floats(dataset: magnitudes, row: row), into: &values)
      for index in means.indices { means[index] += values[index] }
    }
    for index in headMeans.indices { headMeans[index] /= Double(rowCount) }
    for index in means.indices { means[index] /= Double(rowCount) }
    for row in goodRows {
      let attention = shards.floats(dataset: attention, row: row)
      averageOverHeads(attention, shards.floats(dataset: magnitudes, row: row), into: &values)
      for index in means.indices {
        let deviation = values[index] - means[index]
        squares[index] += deviation * deviation
      }
    }
  }

  /// - Parameters:
  ///   - attention: [L, H, 8]
  ///   - magnitudes: [L, 2]
  ///   - values: [L, 10]
  private func averageOverHeads(
    _ attention: UnsafeBufferPointer<Float>, _ magnitudes: UnsafeBufferPointer<Float>,
    into values: inout [Double]
  ) {
    for block in 0..<values.count / Self.count {
      for statistic in 0..<Self.attentionCount {
        var sum = 0.0
        for head in 0..<headCount {
          sum += Double(attention[(block * headCount + head) * Self.attentionCount + statistic])
        }
        values[block * Self.count + statistic] = sum / Double(headCount)
      }
      values[block * Self.count + Self.attentionCount] = Double(magnitudes[block * 2])
      values[block * Self.count + Self.attentionCount + 1] = Double(magnitudes[block * 2 + 1])
    }
  }

  mutating func merge(_ other: StatisticsMoments) {
    guard other.rowCount > 0 else { return }
    let total = Double(rowCount + other.rowCount)
    let share = Double(other.rowCount) / total
    for index in headMeans.indices { headMeans[index] += (other.headMeans[index] - headMeans[index]) * share }
    for index in means.indices {
      let difference = other.means[index] - means[index]
      means[index] += difference * share
      squares[index] += other.squares[index] + difference * difference * share * Double(rowCount)
    }
    rowCount += other.rowCount
  }

  /// - Parameter index: of the attention statistics, then of the magnitudes.
  func statistic(_ index: Int, block: Int) -> AttentionStatisticsSummary.Statistic {
    guard rowCount > 0 else { return AttentionStatisticsSummary.Statistic() }
    let place = block * Self.count + index
    let heads: [Double]? =
      index < Self.attentionCount
      ? (0..<headCount).map { headMeans[(block * headCount + $0) * Self.attentionCount + index] } : nil
    return AttentionStatisticsSummary.Statistic(
      mean: finite(means[place]), rowDeviation: finite((squares[place] / Double(rowCount)).squareRoot()),
      headDeviation: heads.flatMap { finite(deviation(of: $0)) },
      headMeans: heads.flatMap { $0.allSatisfy(\.isFinite) ? $0 : nil })
  }

  private func finite(_ value: Double) -> Double? { value.isFinite ? value : nil }

  private func deviation(of values: [Double]) -> Double {
    let mean = values.reduce(0, +) / Double(values.count)
    return (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)).squareRoot()
  }
}

/// The results of chunks that several threads work on.
final class ChunkResults<Value: Sendable>: Sendable {
  private let values = Mutex<[Int: Value]>([:])

  func set(_ value: Value, _ chunk: Int) { values.withLock { $0[chunk] = value } }

  func inOrder() -> [Value] { values.withLock { $0.sorted { $0.key < $1.key }.map(\.value) } }
}
