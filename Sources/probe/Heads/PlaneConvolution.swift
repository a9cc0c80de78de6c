/// A convolution of several planes to one, 7 x 7, with zeros outside and no bias: PyTorch's
/// `Conv2d(C, 1, 7, padding=3, bias=False)`. Planes are [H, W]; the kernel is [C, 7, 7].
struct PlaneConvolution: Sendable {
  static let side = 7
  static let tapCount = side * side

  let height: Int
  let width: Int

  /// out += the convolution of one plane.
  func add(_ plane: UnsafePointer<Float>, kernel: UnsafePointer<Float>, to out: UnsafeMutablePointer<Float>) {
    forEachRun { tap, start, count, shift in
      let (from, factor, to) = (plane + start + shift, kernel[tap], out + start)
      for place in 0..<count { to[place] += factor * from[place] }
    }
  }

  /// The way back to the plane: gradient += the part of the output's gradient that comes through each of its places.
  func addGradient(
    ofOutput output: UnsafePointer<Float>, kernel: UnsafePointer<Float>,
    to gradient: UnsafeMutablePointer<Float>
  ) {
    forEachRun { tap, start, count, shift in
      let (from, factor, to) = (output + start, kernel[tap], gradient + start + shift)
      for place in 0..<count { to[place] += factor * from[place] }
    }
  }

  /// The way back to the kernel, [7, 7].
  func addKernelGradient(
    ofOutput output: UnsafePointer<Float>, plane: UnsafePointer<Float>,
    to gradient: UnsafeMutablePointer<Double>
  ) {
    forEachRun { tap, start, count, shift in
      let (left, right) = (output + start, plane + start + shift)
      var sum: Float = 0
      for place in 0..<count { sum += left[place] * right[place] }
      gradient[tap] += Double(sum)
    }
  }

  /// Each tap of the kernel with each row of places whose neighbour, `shift` places further, lies in the plane.
  private func forEachRun(_ body: (_ tap: Int, _ start: Int, _ count: Int, _ shift: Int) -> Void) {
    let reach = Self.side / 2
    for tap in 0..<Self.tapCount {
      let (down, right) = (tap / Self.side - reach, tap % Self.side - reach)
      let (first, end) = (max(0, -right), min(width, width - right))
      guard first < end else { continue }
      for row in max(0, -down)..<max(max(0, -down), min(height, height - down)) {
        body(tap, row * width + first, end - first, down * width + right)
      }
    }
  }
}
