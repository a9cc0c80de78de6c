import Foundation

/// Softmax in place over `count` values, with the maximum subtracted first.
///
/// - Returns: the logarithm of the sum of the exponentials of the values as they were.
@discardableResult
func softmax(_ values: UnsafeMutablePointer<Float>, count: Int) -> Float {
  var maximum = -Float.infinity
  for index in 0..<count { maximum = max(maximum, values[index]) }
  var sum: Float = 0
  for index in 0..<count {
    values[index] = expf(values[index] - maximum)
    sum += values[index]
  }
  let scale = 1 / sum
  for index in 0..<count { values[index] *= scale }
  return maximum + logf(sum)
}
