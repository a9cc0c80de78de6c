import Files
import Foundation

extension HeadDescription {
  /// A batch of 256 k images is cut into the same tiles of rows whatever k is, here and in ``TokenProjection``.
  private static let tileRows = 256
  /// What a batch may take where a smaller one makes the same bits.
  private static let amplestBytes = 1e9

  /// The largest batch to measure a trained head with, in which every bit is as it was in training: products' sums depend on
  /// how rows are cut into tiles, so that a batch of whole tiles can be made smaller by some of them, and no other can.
  ///
  /// - Parameters:
  ///   - batchSize: of training; from a file, as the layout is.
  ///   - file: that file.
  /// - Throws: where such a batch takes more than the machine's memory.
  package func measuringBatchSize(
    trainedWith batchSize: Int, layout: TokenLayout, featureWidth: Int, classCount: Int, threadCount: Int,
    file: String
  ) throws(InputError) -> Int {
    let image = bytesOfImage(layout, featureWidth: featureWidth, classCount: classCount)
    let threads = Double(threadCount) * bytesOfThread(layout)
    var count = batchSize
    if batchSize % Self.tileRows == 0, Double(batchSize) * image > Self.amplestBytes {
      let tiles = Self.amplestBytes / (image * Double(Self.tileRows))
      count = max(1, Int(tiles)) * Self.tileRows
    }
    let bytes = Double(count) * image + threads
    guard bytes < Double(ProcessInfo.processInfo.physicalMemory) else {
      throw InputError(
        file, "describes a head that takes about \(Int(bytes / 1e9)) GB for batches of \(count) images",
        remedy: "measure it on a machine with more memory, or train it again with smaller batches")
    }
    return count
  }

  /// At most about so much is kept of an image between visits, in numbers from a file, whose products may be enormous.
  private func bytesOfImage(_ layout: TokenLayout, featureWidth: Int, classCount: Int) -> Double {
    let (tokens, width) = (Double(layout.tokenCount), Double(layout.width))
    var values = 2 * Double(featureWidth) + Double(classCount)
    if features.isAttentive {
      // Attention and sums of each query in each attention head, and what they come from; then rows of perceptrons.
      values += queryRows * (3 * tokens + 5 * (width + Double(attentive?.headWidth ?? 0)))
      values += 24 * width + 8 * tokens
    }
    if let abmilp {
      values += abmilp.selfAttention == .none ? 0 : tokens * tokens
      values += abmilp.depth > 1 ? tokens * width / 16 : 0
    }
    return 4 * values
  }

  /// What a thread works with: an image's tokens in single precision, and activations of their size.
  private func bytesOfThread(_ layout: TokenLayout) -> Double {
    guard features.isAttentive else { return 0 }
    let (tokens, width) = (Double(layout.tokenCount), Double(layout.width))
    var values = Double(3 + (abmilp?.depth ?? 0)) * tokens * width + queryRows * (tokens + 2 * width)
    if let abmilp, abmilp.selfAttention != .none { values += tokens * tokens }
    return 4 * values
  }

  /// Rows of attention that an image has.
  private var queryRows: Double {
    Double(attentive?.queryCount ?? 1) * Double(attentive?.headCount ?? 1)
  }
}
