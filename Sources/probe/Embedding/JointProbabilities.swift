import Compute
import Foundation

/// How likely t-SNE holds points to be neighbours: p_ij = (p_j|i + p_i|j) / 2N, where p_j|i is a Gaussian about point i over
/// its nearest other points, as wide as makes its perplexity the one that is asked for (van der Maaten 2014, section 3). Rows of
/// a sparse symmetric matrix; all other pairs are at 0.
package struct JointProbabilities: Sendable {
  /// N
  package let count: Int
  /// [N + 1]: where each row starts.
  package let starts: SharedBuffer<Int>
  /// [starts[N]], ascending within a row.
  package let columns: SharedBuffer<Int32>
  /// [starts[N]]; they sum to 1.
  package let values: SharedBuffer<Double>

  /// As many steps as scikit-learn makes at most, to the same tolerance of the perplexity's logarithm.
  private static let steps = 100
  private static let tolerance = 1e-5

  /// - Parameters:
  ///   - perplexity: at least 1.
  ///   - neighbours: [N, k], the nearest first, of similarity minus the squared distance.
  package init(
    perplexity: Double, _ neighbours: SharedBuffer<Neighbour>, count: Int, _ parallel: Parallel
  ) throws {
    let own = try Self.conditional(perplexity, neighbours, count: count, parallel)
    let other = own.transposed()
    // First how long each row is, then what is in it.
    let lengths = SharedBuffer<Int>(count: count)
    try parallel.forEachChunk(of: count, length: 256) { _, rows, _ in
      for row in rows {
        var length = 0
        Self.forEachOfEither(own, other, row) { _, _ in length += 1 }
        lengths.pointer[row] = length
      }
    }
    let starts = SharedBuffer<Int>(count: count + 1)
    for row in 0..<count { starts.pointer[row + 1] = starts.pointer[row] + lengths.pointer[row] }
    let columns = SharedBuffer<Int32>(count: starts.pointer[count])
    let values = SharedBuffer<Double>(count: columns.count)
    try parallel.forEachChunk(of: count, length: 256) { _, rows, _ in
      for row in rows {
        var place = starts.pointer[row]
        Self.forEachOfEither(own, other, row) { column, value in
          columns.pointer[place] = column
          values.pointer[place] = value / Double(2 * count)
          place += 1
        }
      }
    }
    (self.count, self.starts, self.columns, self.values) = (count, starts, columns, values)
  }

  /// Rows of columns in ascending order.
  private struct Rows {
    let starts: SharedBuffer<Int>
    let columns: SharedBuffer<Int32>
    let values: SharedBuffer<Double>

    var count: Int { starts.count - 1 }

    func transposed() -> Rows {
      let result = Rows(
        starts: SharedBuffer(count: count + 1), columns: SharedBuffer(count: columns.count),
        values: SharedBuffer(count: values.count))
      for column in columns.buffer { result.starts.pointer[Int(column) + 1] += 1 }
      for row in 0..<count { result.starts.pointer[row + 1] += result.starts.pointer[row] }
      var ends = result.starts.array
      for row in 0..<count {
        for place in starts.pointer[row]..<starts.pointer[row + 1] {
          let column = Int(columns.pointer[place])
          result.columns.pointer[ends[column]] = Int32(row)
          result.values.pointer[ends[column]] = values.pointer[place]
          ends[column] += 1
        }
      }
      return result
    }
  }

  /// The sum of two rows, column by column.
  private static func forEachOfEither(
    _ a: Rows, _ b: Rows, _ row: Int, _ body: (_ column: Int32, _ value: Double) -> Void
  ) {
    var (placeA, placeB) = (a.starts.pointer[row], b.starts.pointer[row])
    let (endA, endB) = (a.starts.pointer[row + 1], b.starts.pointer[row + 1])
    while placeA < endA || placeB < endB {
      let columnA = placeA < endA ? a.columns.pointer[placeA] : .max
      let columnB = placeB < endB ? b.columns.pointer[placeB] : .max
      var value = 0.0
      if columnA <= columnB {
        value += a.values.pointer[placeA]
        placeA += 1
      }
      if columnB <= columnA {
        value += b.values.pointer[placeB]
        placeB += 1
      }
      body(min(columnA, columnB), value)
    }
  }

  private static func conditional(
    _ perplexity: Double, _ neighbours: SharedBuffer<Neighbour>, count: Int, _ parallel: Parallel
  ) throws -> Rows {
    let length = neighbours.count / count
    let rows = Rows(
      starts: SharedBuffer((0...count).map { $0 * length }), columns: SharedBuffer(count: neighbours.count),
      values: SharedBuffer(count: neighbours.count))
    try parallel.forEachChunk(of: count, length: 64) { _, chunk, _ in
      for row in chunk {
        let own = UnsafeMutableBufferPointer(start: neighbours.pointer + row * length, count: length)
        let sorted = own.sorted { $0.row < $1.row }
        let nearest = Double(own[0].similarity)
        for (place, neighbour) in sorted.enumerated() {
          rows.columns.pointer[row * length + place] = Int32(neighbour.row)
        }
        // Beyond the nearest one's: the same shares, and never all of them 0.
        spread(
          sorted.map { nearest - Double($0.similarity) }, perplexity,
          into: UnsafeMutableBufferPointer(start: rows.values.pointer + row * length, count: length))
      }
    }
    return rows
  }

  /// Writes exp(-beta d) over their sum, with the beta that is found by halving.
  private static func spread(
    _ distances: [Double], _ perplexity: Double, into shares: UnsafeMutableBufferPointer<Double>
  ) {
    let entropy = log(perplexity)
    var (beta, least, most) = (1.0, -Double.infinity, Double.infinity)
    for _ in 0..<steps {
      var (sum, weighted) = (0.0, 0.0)
      for (place, distance) in distances.enumerated() {
        let share = exp(-distance * beta)
        shares[place] = share
        sum += share
        weighted += distance * share
      }
      for place in shares.indices { shares[place] /= sum }
      let difference = log(sum) + beta * weighted / sum - entropy
      if abs(difference) <= tolerance { return }
      if difference > 0 {
        least = beta
        beta = most == .infinity ? beta * 2 : (beta + most) / 2
      } else {
        most = beta
        beta = least == -.infinity ? beta / 2 : (beta + least) / 2
      }
    }
  }

  /// How the points of an embedding draw one of them, by those that it is likely to be a neighbour of:
  /// sum over j of p_ij q_ij (y_i - y_j), q = 1 / (1 + d^2).
  ///
  /// - Parameter points: [N, 2]
  func attraction(of point: Int, _ points: UnsafePointer<Double>) -> (x: Double, y: Double) {
    let (starts, columns, values) = (starts.pointer, columns.pointer, values.pointer)
    let (x, y) = (points[2 * point], points[2 * point + 1])
    var sum = (x: 0.0, y: 0.0)
    for place in starts[point]..<starts[point + 1] {
      let other = 2 * Int(columns[place])
      let (dx, dy) = (x - points[other], y - points[other + 1])
      let strength = values[place] / (1 + dx * dx + dy * dy)
      sum.x += strength * dx
      sum.y += strength * dy
    }
    return sum
  }
}
