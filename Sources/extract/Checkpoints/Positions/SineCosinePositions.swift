import Foundation
import Tensors

/// The position embedding that the masked autoencoder and its heirs compute (He et al., 2022): sines and cosines of the
/// column in the first half of a token, of the row in the second.
enum SineCosinePositions {
  /// - Returns: `[1, height * width, D]`; D is a multiple of 4.
  static func embedding(height: Int, width: Int, tokenWidth: Int) -> Tensor {
    let bandCount = tokenWidth / 4
    let frequencies = (0..<bandCount).map { pow(10000, -Double($0) / Double(bandCount)) }
    var values: [Float] = []
    values.reserveCapacity(height * width * tokenWidth)
    for row in 0..<height {
      for column in 0..<width {
        for place in [column, row] {
          values += frequencies.map { Float(sin(Double(place) * $0)) }
          values += frequencies.map { Float(cos(Double(place) * $0)) }
        }
      }
    }
    return Tensor(values, shape: [1, height * width, tokenWidth])
  }
}
