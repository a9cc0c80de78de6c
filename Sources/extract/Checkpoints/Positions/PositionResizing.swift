/// How a learned position embedding is resized to another grid, which differs between models.
enum PositionResizing: Sendable {
  /// `interpolate(size, mode="bicubic")`, without antialiasing.
  case bicubic
  /// `interpolate(scale_factor=(n + 0.1) / trained, mode="bicubic")`: DINO's guard against rounding, which shifts all
  /// positions a little.
  case bicubicWithOffset
  /// `interpolate(size, mode="bicubic", antialias=True)`.
  case bicubicAntialiased
  /// `interpolate(size, mode="bilinear", antialias=True)`.
  case bilinearAntialiased

  /// A place among the old ones that a new one is mixed from, and its weight.
  typealias Tap = (position: Int, weight: Float)

  /// For reports.
  var summary: String {
    switch self {
    case .bicubic: "bicubically"
    case .bicubicWithOffset: "bicubically with DINO's offset of 0.1"
    case .bicubicAntialiased: "bicubically with antialiasing"
    case .bilinearAntialiased: "bilinearly with antialiasing"
    }
  }

  /// For each new position on an axis, the old positions that it is mixed from.
  func taps(from old: Int, to new: Int) -> [[Tap]] {
    switch self {
    case .bicubic: Self.plainTaps(old, new, scale: Float(old) / Float(new))
    case .bicubicWithOffset: Self.plainTaps(old, new, scale: Float(1 / ((Double(new) + 0.1) / Double(old))))
    case .bicubicAntialiased:
      Self.antialiasedTaps(old, new, radius: 2) { x in
        x < 1 ? CubicKernel.smooth.inner(x) : CubicKernel.smooth.outer(x)
      }
    case .bilinearAntialiased: Self.antialiasedTaps(old, new, radius: 1) { x in 1 - x }
    }
  }

  /// Four old positions for every new one, the border repeated.
  private static func plainTaps(_ old: Int, _ new: Int, scale: Float) -> [[Tap]] {
    let kernel = CubicKernel.sharp
    return (0..<new).map { index in
      let center = scale * (Float(index) + 0.5) - 0.5
      let first = center.rounded(.down)
      let t = center - first
      let weights = [kernel.outer(t + 1), kernel.inner(t), kernel.inner(1 - t), kernel.outer(2 - t)]
      return weights.enumerated().map { tap, weight in
        (min(max(Int(first) - 1 + tap, 0), old - 1), weight)
      }
    }
  }

  /// A kernel as wide as a new position, where that is wider than an old one; cut off at the border.
  ///
  /// - Parameter kernel: of a distance below the radius.
  private static func antialiasedTaps(
    _ old: Int, _ new: Int, radius: Float, kernel: (Float) -> Float
  ) -> [[Tap]] {
    let scale = Float(old) / Float(new)
    let stretch = max(scale, 1)
    return (0..<new).map { index in
      let center = scale * (Float(index) + 0.5)
      let first = max(Int(center - radius * stretch + 0.5), 0)
      let end = min(Int(center + radius * stretch + 0.5), old)
      let taps: [Tap] = (first..<end).map { position in
        let distance = abs(Float(position) - center + 0.5) / stretch
        return (position, distance < radius ? kernel(distance) : 0)
      }
      let sum = taps.reduce(0) { $0 + $1.weight }
      return taps.map { ($0.position, $0.weight / sum) }
    }
  }
}

/// The piecewise cubic kernel of Keys (1981).
private struct CubicKernel {
  let a: Float

  /// PyTorch's without antialiasing.
  static let sharp = CubicKernel(a: -0.75)
  /// PyTorch's with antialiasing, and Pillow's.
  static let smooth = CubicKernel(a: -0.5)

  /// At a distance of at most 1.
  func inner(_ x: Float) -> Float { ((a + 2) * x - (a + 3)) * x * x + 1 }

  /// At a distance from 1 to 2.
  func outer(_ x: Float) -> Float { ((a * x - 5 * a) * x + 8 * a) * x - 4 * a }
}
