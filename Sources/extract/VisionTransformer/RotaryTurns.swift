import CKernels
import Compute
import Files
import Foundation

/// By how much a rotary embedding turns each value of a head for each token: `[T, d]` cosines and sines.
struct RotaryTurns: Sendable {
  private let cosines: SharedBuffer<Float>
  private let sines: SharedBuffer<Float>
  private let headWidth: Int

  /// - Parameter reader: of a block's `attn`, for frequencies that are learned.
  init(
    _ rotary: RotaryEmbedding, _ reader: WeightReader, _ configuration: EncoderConfiguration
  ) throws(InputError) {
    headWidth = configuration.headWidth
    let frequencies = try Self.frequencies(rotary, reader, headWidth: headWidth)
    let angles = Self.coordinates(rotary, configuration).flatMap { row, column in
      (0..<configuration.headWidth).map { row * frequencies.rows[$0] + column * frequencies.columns[$0] }
    }
    cosines = SharedBuffer(angles.map { Float(cos($0)) })
    sines = SharedBuffer(angles.map { Float(sin($0)) })
  }

  /// One a value of a head, `[d]` each, where the pairs are j and j + d / 2.
  private static func frequencies(
    _ rotary: RotaryEmbedding, _ reader: WeightReader, headWidth: Int
  ) throws(InputError) -> (rows: [Double], columns: [Double]) {
    let bandCount = headWidth / 4
    let bands: [Double]
    switch rotary.frequencies {
    case .powers(let base):
      bands = (0..<bandCount).map { pow(Double(base), -Double($0) / Double(bandCount)) }
    case .periods(let periods):
      bands = periods.map { 1 / Double($0) }
    case .learned:
      let values = try reader.values("rope.freqs", shape: [2, headWidth]).array.map(Double.init)
      return (Array(values[..<headWidth]), Array(values[headWidth...]))
    }
    let none = [Double](repeating: 0, count: bandCount)
    return (bands + none + bands + none, none + bands + none + bands)
  }

  /// The row and column of each token; of what is not turned, 0.
  private static func coordinates(
    _ rotary: RotaryEmbedding, _ configuration: EncoderConfiguration
  ) -> [(row: Double, column: Double)] {
    let (height, width) = (configuration.gridHeight, configuration.gridWidth)
    let registers = configuration.parts.registerCount
    var coordinates = [(row: Double, column: Double)](
      repeating: (0, 0), count: configuration.prefixTokenCount - (rotary.turnsRegisters ? registers : 0))
    if rotary.turnsRegisters {
      // Where there is one row or column of patches, the square has no extent along it.
      let (lastRow, lastColumn) = (height > 1 ? 1.0 : 0, width > 1 ? 1.0 : 0)
      let side = registers / 4
      for index in 0..<registers {
        let way = Double(index % side) / Double(side)
        let (row, column) = [(way, 0), (1, way), (1 - way, 1), (0, 1 - way)][index / side]
        coordinates.append((row * lastRow, column * lastColumn))
      }
    }
    for row in 0..<height {
      for column in 0..<width {
        coordinates.append(
          (
            rotary.coordinates.coordinate(row, of: height), rotary.coordinates.coordinate(column, of: width)
          ))
      }
    }
    return coordinates
  }

  /// Turns all heads' queries or keys of a token, `[heads, d]`.
  func apply(_ heads: UnsafeMutablePointer<Float>, headCount: Int, token: Int) {
    pb_rotate_rows(
      heads, cosines.pointer + token * headWidth, sines.pointer + token * headWidth, headCount, headWidth)
  }
}
