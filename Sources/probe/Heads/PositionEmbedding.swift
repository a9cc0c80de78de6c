import Foundation

/// The fixed two-dimensional sine-cosine position embedding of MAE (`get_2d_sincos_pos_embed`), for any grid.
enum PositionEmbedding {
  /// - Returns: [prefixTokenCount + gridHeight * gridWidth, width]; zeros for the prefix tokens. The first half of a
  ///   row encodes the column and the second half the row, each as sines then cosines.
  static func sineCosine(prefixTokenCount: Int, gridHeight: Int, gridWidth: Int, width: Int) -> [Float] {
    precondition(
      width % 4 == 0, "a two-dimensional sin-cos embedding needs a width divisible by 4, not \(width)")
    let quarter = width / 4
    let frequencies = (0..<quarter).map { 1 / pow(10000, Double($0) / Double(quarter)) }
    var embedding = [Float](repeating: 0, count: prefixTokenCount * width)
    embedding.reserveCapacity((prefixTokenCount + gridHeight * gridWidth) * width)
    for row in 0..<gridHeight {
      for column in 0..<gridWidth {
        for position in [Double(column), Double(row)] {
          embedding += frequencies.map { Float(sin(position * $0)) }
          embedding += frequencies.map { Float(cos(position * $0)) }
        }
      }
    }
    return embedding
  }
}
