import Foundation

/// A small, fast random number generator whose sequence is fixed by its seed: xoshiro256** (Blackman and Vigna, 2018),
/// its state filled by SplitMix64. Passed in wherever something is random, so that a run can be repeated.
public struct SeededGenerator: RandomNumberGenerator, Codable, Equatable, Sendable {
  private var state: [UInt64]

  public init(seed: UInt64) {
    var mixer = seed
    state = (0..<4).map { _ in
      mixer &+= 0x9E37_79B9_7F4A_7C15
      var z = mixer
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
  }

  /// A generator for one of several streams of a seed: an epoch, an image, a head.
  public init(seed: UInt64, stream: UInt64) {
    var mixed = SeededGenerator(seed: stream ^ 0xD1B5_4A32_D192_ED03)
    self.init(seed: seed ^ mixed.next())
  }

  public mutating func next() -> UInt64 {
    func rotate(_ x: UInt64, _ k: UInt64) -> UInt64 { (x << k) | (x >> (64 - k)) }
    let result = rotate(state[1] &* 5, 7) &* 9
    let t = state[1] << 17
    state[2] ^= state[0]
    state[3] ^= state[1]
    state[1] ^= state[2]
    state[0] ^= state[3]
    state[2] ^= t
    state[3] = rotate(state[3], 45)
    return result
  }

  /// Uniform in [0, 1), with 53 random bits.
  public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// Uniform in [low, high).
  public mutating func uniform(_ low: Double, _ high: Double) -> Double { low + (high - low) * uniform() }

  /// Standard normal, by Box and Muller's method.
  public mutating func normal() -> Double {
    let radius = (-2 * log(1 - uniform())).squareRoot()
    return radius * cos(2 * .pi * uniform())
  }

  /// A random order of `0 ..< count` (Fisher and Yates), the same for the same state on every platform.
  public mutating func permutation(_ count: Int) -> [Int] {
    var order = Array(0..<count)
    for index in stride(from: count - 1, to: 0, by: -1) {
      order.swapAt(index, Int(bounded(UInt64(index + 1))))
    }
    return order
  }

  /// Uniform in `0 ..< bound`, without bias (Lemire's method).
  public mutating func bounded(_ bound: UInt64) -> UInt64 {
    precondition(bound > 0, "an empty range has no random element")
    while true {
      let (high, low) = next().multipliedFullWidth(by: bound)
      if low >= (0 &- bound) % bound { return high }
    }
  }
}
