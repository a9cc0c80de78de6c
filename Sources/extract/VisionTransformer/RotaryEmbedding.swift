import Compute
import Files
import Foundation

/// Positions as rotations of queries and keys (Su et al., 2021), over the rows and columns of the patches.
///
/// A head's values are taken in pairs. The first half of the pairs turns with the patch's row, the second with its column:
/// pair k of the n of an axis by `coordinate * base^(-k / n)`. Prefix tokens are not turned.
public struct RotaryEmbedding: Codable, Hashable, Sendable {
  /// Which of a head's d values are a pair.
  public enum Pairing: String, Codable, CaseIterable, Sendable {
    /// 2 j and 2 j + 1 (EVA-02).
    case interleaved
    /// j and j + d / 2 (DINOv3).
    case halves
  }

  /// How far a patch is along an axis of `count` patches, as an angle.
  public enum Coordinates: Codable, Hashable, Sendable {
    /// The patch's number i, on a grid of another size `i * reference / count`: EVA-02, which was trained on 16.
    case steps(reference: Int?)
    /// `2 pi (2 (i + 0.5) / count - 1)`, from one border to the other: DINOv3.
    case centered

    func angle(_ index: Int, of count: Int) -> Double {
      switch self {
      case .steps(nil): Double(index)
      case .steps(let reference?): Double(index) * Double(reference) / Double(count)
      case .centered: 2 * .pi * (2 * (Double(index) + 0.5) / Double(count) - 1)
      }
    }
  }

  public var pairing: Pairing
  public var coordinates: Coordinates
  public var base: Float
  /// What the coordinates of each pair are divided by, `[d / 4]`, where a checkpoint has it by itself: DINOv3's is rounded to
  /// bfloat16. Nil for powers of the base.
  public var periods: [Float]?

  public init(pairing: Pairing, coordinates: Coordinates, base: Float, periods: [Float]? = nil) {
    self.pairing = pairing
    self.coordinates = coordinates
    self.base = base
    self.periods = periods
  }

  func validate(headWidth: Int) throws(InputError) {
    guard headWidth.isMultiple(of: 4) else {
      throw InputError(
        "encoder configuration", "rotary positions need heads whose width, \(headWidth), is a multiple of 4")
    }
    guard base.isFinite, base > 0 else {
      throw InputError("encoder configuration", "the base of the rotary positions is \(base)")
    }
    if let periods, periods.count != headWidth / 4 || !periods.allSatisfy({ $0.isFinite && $0 > 0 }) {
      throw InputError(
        "encoder configuration",
        "the periods of the rotary positions are not \(headWidth / 4) positive numbers")
    }
    if case .steps(let reference?) = coordinates, !(1...65536 ~= reference) {
      throw InputError(
        "encoder configuration", "the rotary positions' reference grid has \(reference) patches a side")
    }
  }

  /// The cosines and sines of every patch's pairs, each `[P, d / 2]`.
  func turns(
    _ configuration: EncoderConfiguration
  ) -> (cosines: SharedBuffer<Float>, sines: SharedBuffer<Float>) {
    let bandCount = configuration.headWidth / 4
    let (height, width) = (configuration.gridHeight, configuration.gridWidth)
    let frequencies = (0..<bandCount).map { band in
      if let periods {
        1 / Double(periods[band])
      } else {
        pow(Double(base), -Double(band) / Double(bandCount))
      }
    }
    var angles: [Double] = []
    for row in 0..<height {
      for column in 0..<width {
        angles += frequencies.map { coordinates.angle(row, of: height) * $0 }
        angles += frequencies.map { coordinates.angle(column, of: width) * $0 }
      }
    }
    return (SharedBuffer(angles.map { Float(cos($0)) }), SharedBuffer(angles.map { Float(sin($0)) }))
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
