import Files

/// Positions as rotations of queries and keys (Su et al., 2021), over the rows and columns of the patches.
///
/// A head's d values are taken in pairs. The first half of the pairs turns with a token's row, the second with its column,
/// by the coordinate times the pair's frequency.
public struct RotaryEmbedding: Codable, Hashable, Sendable {
  /// Which of a head's d values are a pair.
  public enum Pairing: String, Codable, CaseIterable, Sendable {
    /// 2 j and 2 j + 1 (EVA-02).
    case interleaved
    /// j and j + d / 2 (DINOv3).
    case halves
  }

  /// How far along an axis a patch is, of which there are `count` on it.
  public enum Coordinates: Codable, Hashable, Sendable {
    /// The patch's number i, on a grid of another size `i * reference / count`: EVA-02, which was trained on 16.
    case steps(reference: Int?)
    /// `2 pi (2 (i + 0.5) / count - 1)`: DINOv3.
    case centered
    /// From 0 for the first to 1 for the last: CAPI.
    case unit

    func coordinate(_ index: Int, of count: Int) -> Double {
      switch self {
      case .steps(nil): Double(index)
      case .steps(let reference?): Double(index) * Double(reference) / Double(count)
      case .centered: 2 * .pi * (2 * (Double(index) + 0.5) / Double(count) - 1)
      case .unit: count == 1 ? 0 : Double(index) / Double(count - 1)
      }
    }
  }

  /// What the coordinates are multiplied with. Rows and columns have n = d / 4 pairs each.
  public enum Frequencies: Codable, Hashable, Sendable {
    /// `base^(-k / n)` for pair k.
    case powers(base: Float)
    /// One over each of n numbers that a checkpoint has: DINOv3's are powers rounded to bfloat16.
    case periods([Float])
    /// Each block's own, for every value instead of every pair: `attn.rope.freqs`, `[2, d]` for rows and columns (CAPI).
    case learned
  }

  public var pairing: Pairing
  public var coordinates: Coordinates
  public var frequencies: Frequencies
  /// Whether registers are turned as well, as if they stood around the patches: on the border of the unit square, from its
  /// corner down the rows and around (CAPI). Other prefix tokens are never turned.
  public var turnsRegisters: Bool

  public init(
    pairing: Pairing, coordinates: Coordinates, frequencies: Frequencies, turnsRegisters: Bool = false
  ) {
    self.pairing = pairing
    self.coordinates = coordinates
    self.frequencies = frequencies
    self.turnsRegisters = turnsRegisters
  }

  func validate(headWidth: Int, registerCount: Int) throws(InputError) {
    func fail(_ reason: String) -> InputError { InputError("encoder configuration", reason) }
    guard headWidth.isMultiple(of: 4) else {
      throw fail("rotary positions need heads whose width, \(headWidth), is a multiple of 4")
    }
    switch frequencies {
    case .powers(let base):
      guard base.isFinite, base > 0 else { throw fail("the base of the rotary positions is \(base)") }
    case .periods(let periods):
      guard periods.count == headWidth / 4, periods.allSatisfy({ $0.isFinite && $0 > 0 }) else {
        throw fail("the periods of the rotary positions are not \(headWidth / 4) positive numbers")
      }
    case .learned: break
    }
    if case .steps(let reference?) = coordinates, !(1...65536 ~= reference) {
      throw fail("the rotary positions' reference grid has \(reference) patches a side")
    }
    guard !turnsRegisters || registerCount.isMultiple(of: 4) else {
      throw fail("\(registerCount) registers do not stand around the patches, a quarter of them a side")
    }
  }

  /// Where a head's value goes so that the pairs are j and j + d / 2. Queries and keys may change places together: their
  /// product is the same.
  func place(_ index: Int, headWidth: Int) -> Int {
    switch pairing {
    case .halves: index
    case .interleaved: index / 2 + index % 2 * (headWidth / 2)
    }
  }
}
