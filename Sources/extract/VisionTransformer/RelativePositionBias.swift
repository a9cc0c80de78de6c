import Compute
import Files

/// Learned biases of the attention's scores, one a head and a distance between two patches along rows and columns (BEiT;
/// Bao et al., 2022).
struct RelativePositionBias: Sendable {
  /// `[H, T, stride]`, laid out as a head's attention is.
  private let biases: SharedBuffer<Float>
  private let elementsPerHead: Int

  /// The entries of a table: one a distance, and where there is [cls] three at the end: from [cls] to patches, from patches
  /// to [cls], and from [cls] to itself.
  static func entryCount(gridHeight: Int, gridWidth: Int, hasClassToken: Bool) -> Int {
    (2 * gridHeight - 1) * (2 * gridWidth - 1) + (hasClassToken ? 3 : 0)
  }

  /// - Parameter reader: of the table, `relative_position_bias_table`, `[entries, H]`.
  init(_ reader: WeightReader, _ configuration: EncoderConfiguration) throws(InputError) {
    let (gridHeight, gridWidth) = (configuration.gridHeight, configuration.gridWidth)
    let headCount = configuration.headCount
    let entryCount = Self.entryCount(
      gridHeight: gridHeight, gridWidth: gridWidth, hasClassToken: configuration.parts.hasClassToken)
    let table = try reader.values("relative_position_bias_table", shape: [entryCount, headCount])
    let stride = Attention.stride(configuration)
    elementsPerHead = configuration.tokenCount * stride
    biases = SharedBuffer(count: headCount * elementsPerHead)
    let prefix = configuration.prefixTokenCount
    for query in 0..<configuration.tokenCount {
      for key in 0..<configuration.tokenCount {
        let entry: Int
        switch (query < prefix, key < prefix) {
        case (true, true): entry = entryCount - 1
        case (true, false): entry = entryCount - 3
        case (false, true): entry = entryCount - 2
        case (false, false):
          let (rowOfQuery, columnOfQuery) = (query - prefix).quotientAndRemainder(dividingBy: gridWidth)
          let (rowOfKey, columnOfKey) = (key - prefix).quotientAndRemainder(dividingBy: gridWidth)
          entry =
            (rowOfQuery - rowOfKey + gridHeight - 1) * (2 * gridWidth - 1)
            + columnOfQuery - columnOfKey + gridWidth - 1
        }
        for head in 0..<headCount {
          biases.pointer[head * elementsPerHead + query * stride + key] =
            table.pointer[entry * headCount + head]
        }
      }
    }
  }

  /// A head's biases, `[T, stride]`.
  func values(head: Int) -> UnsafePointer<Float> { UnsafePointer(biases.pointer + head * elementsPerHead) }
}
