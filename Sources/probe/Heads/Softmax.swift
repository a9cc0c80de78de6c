import CKernels

/// Softmax in place over `count` values, with the maximum subtracted first.
func softmax(_ values: UnsafeMutablePointer<Float>, count: Int) { pb_softmax(values, 1, count) }
