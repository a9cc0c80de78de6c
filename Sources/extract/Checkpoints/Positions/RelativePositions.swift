import Foundation
import Tensors

/// Tables of relative position biases, `[entries, H]`: one entry a distance of rows and columns, then three for [cls] where
/// there is one.
enum RelativePositions {
  static func entryCount(_ gridHeight: Int, _ gridWidth: Int, hasClassToken: Bool) -> Int {
    (2 * gridHeight - 1) * (2 * gridWidth - 1) + (hasClassToken ? 3 : 0)
  }

  /// The side of the square grid that a table of so many entries would be for, if there is one.
  static func squareSide(_ entryCount: Int, hasClassToken: Bool) -> Int {
    let distances = entryCount - (hasClassToken ? 3 : 0)
    return distances > 0 ? (Int(Double(distances).squareRoot().rounded()) + 1) / 2 : 0
  }

  /// Resizes as BEiT does (Bao et al., 2022): the old distances are spread over the new ones in steps that grow
  /// geometrically, as near patches matter more, and a cubic spline is laid through them.
  static func resized(
    _ table: Tensor, from old: (height: Int, width: Int), to new: (height: Int, width: Int)
  ) -> Tensor {
    let headCount = table.shape[1]
    let (oldRows, oldColumns) = (2 * old.height - 1, 2 * old.width - 1)
    let (newRows, newColumns) = (2 * new.height - 1, 2 * new.width - 1)
    let rows = mixing(from: oldRows, to: newRows)
    let columns = mixing(from: oldColumns, to: newColumns)
    let source = table.floats()
    // Columns first: [old rows, new columns, H].
    var narrow = [Double](repeating: 0, count: oldRows * newColumns * headCount)
    for row in 0..<oldRows {
      for (column, weights) in columns.enumerated() {
        for (position, weight) in weights.enumerated() {
          for head in 0..<headCount {
            narrow[(row * newColumns + column) * headCount + head] +=
              weight * Double(source[(row * oldColumns + position) * headCount + head])
          }
        }
      }
    }
    var result = [Double](repeating: 0, count: newRows * newColumns * headCount)
    let rowLength = newColumns * headCount
    for (row, weights) in rows.enumerated() {
      for (position, weight) in weights.enumerated() {
        for index in 0..<rowLength {
          result[row * rowLength + index] += weight * narrow[position * rowLength + index]
        }
      }
    }
    let kept = source[(oldRows * oldColumns * headCount)...]
    return Tensor(
      result.map { Float($0) } + kept, shape: [newRows * newColumns + kept.count / headCount, headCount])
  }

  /// For every new distance on an axis, what each old one has of it.
  private static func mixing(from old: Int, to new: Int) -> [[Double]] {
    let spline = CubicSpline(knots: oldPlaces(old, new))
    return (0..<new).map { spline.weights(at: Double($0 - new / 2)) }
  }

  /// Where the old distances lie among the new ones, which are whole numbers.
  private static func oldPlaces(_ old: Int, _ new: Int) -> [Double] {
    let side = old / 2
    // The ratio of steps with which as many of them as there are old distances reach the last new one.
    var (low, high) = (1.01, 1.5)
    while high - low > 1e-6 {
      let ratio = (low + high) / 2
      if (1 - pow(ratio, Double(side))) / (1 - ratio) > Double(new / 2) { high = ratio } else { low = ratio }
    }
    let ratio = (low + high) / 2
    var places: [Double] = []
    var place = 1.0
    for step in 0..<side {
      places.append(place)
      place += pow(ratio, Double(step + 1))
    }
    return places.reversed().map { -$0 } + [0] + places
  }
}

/// An interpolating cubic spline whose outer two pieces on either side are the same polynomial; straight lines where there
/// are fewer than four knots. Beyond the outermost knots it has their values.
private struct CubicSpline {
  private let knots: [Double]
  /// The second derivative at every knot, as sums of the values at all knots; empty for straight lines.
  private let curvatures: [[Double]]

  init(knots: [Double]) {
    self.knots = knots
    curvatures = knots.count < 4 ? [] : Self.curvatures(knots)
  }

  /// What the value at each knot contributes to the value at a place.
  func weights(at place: Double) -> [Double] {
    let count = knots.count
    var weights = [Double](repeating: 0, count: count)
    let place = min(max(place, knots[0]), knots[count - 1])
    guard count > 1 else { return [1] }
    let piece = min(max((knots.firstIndex { $0 > place } ?? count) - 1, 0), count - 2)
    let step = knots[piece + 1] - knots[piece]
    let (a, b) = ((knots[piece + 1] - place) / step, (place - knots[piece]) / step)
    weights[piece] += a
    weights[piece + 1] += b
    guard !curvatures.isEmpty else { return weights }
    let (aCubic, bCubic) = ((a * a * a - a) * step * step / 6, (b * b * b - b) * step * step / 6)
    for index in 0..<count {
      weights[index] += aCubic * curvatures[piece][index] + bCubic * curvatures[piece + 1][index]
    }
    return weights
  }

  /// Solves the equations of continuous slopes, for a value of 1 at each knot in turn.
  private static func curvatures(_ knots: [Double]) -> [[Double]] {
    let count = knots.count
    let steps = (0..<count - 1).map { knots[$0 + 1] - knots[$0] }
    var matrix = [[Double]](repeating: [Double](repeating: 0, count: 2 * count), count: count)
    for index in 1..<count - 1 {
      let (before, after) = (steps[index - 1], steps[index])
      matrix[index][index - 1] = before
      matrix[index][index] = 2 * (before + after)
      matrix[index][index + 1] = after
      matrix[index][count + index - 1] = 6 / before
      matrix[index][count + index] = -6 / before - 6 / after
      matrix[index][count + index + 1] = 6 / after
    }
    for (row, first) in [(0, 0), (count - 1, count - 3)] {
      let (before, after) = (steps[first], steps[first + 1])
      matrix[row][first] = after
      matrix[row][first + 1] = -before - after
      matrix[row][first + 2] = before
    }
    return solve(&matrix)
  }

  /// Gauss-Jordan elimination of `[n, 2 n]`, right half of the result.
  private static func solve(_ matrix: inout [[Double]]) -> [[Double]] {
    let count = matrix.count
    for column in 0..<count {
      let pivot = (column..<count).max { abs(matrix[$0][column]) < abs(matrix[$1][column]) } ?? column
      matrix.swapAt(column, pivot)
      let scale = 1 / matrix[column][column]
      for index in column..<2 * count { matrix[column][index] *= scale }
      for row in 0..<count where row != column && matrix[row][column] != 0 {
        let factor = matrix[row][column]
        for index in column..<2 * count { matrix[row][index] -= factor * matrix[column][index] }
      }
    }
    return matrix.map { Array($0[count...]) }
  }
}
