import CKernels

/// Softmax in place over `count` values, with the maximum subtracted first.
///
/// - Returns: the logarithm of the sum of the exponentials of the values as they were.
@discardableResult
func softmax(_ values: UnsafeMutablePointer<Float>, count: Int) -> Float {
  var logSum: Float = 0
  pb_softmax(values, 1, count, &logSum)
  return logSum
}
