import Compute
import Files
import Images
import TokenStore
import VisionTransformer

/// One thread's memory on the way from an image to a row.
final class ImageWorker {
  /// Where a worker's time went.
  struct Clocks {
    let worker = StageClock<ExtractionStage>()
    let encoder = StageClock<EncoderStage>()
  }

  typealias DecodedImage = Result<RGBImage, InputError>

  /// Nil where nobody asks.
  let clocks: Clocks?
  private let encoder: ImageEncoder
  private let row: RowBuffer

  init(_ plan: ExtractionPlan, _ layout: RowLayout, isProfiled: Bool) {
    clocks = isProfiled ? Clocks() : nil
    encoder = ImageEncoder(plan, clock: clocks?.encoder)
    row = RowBuffer(layout: layout)
  }

  /// - Returns: the image, or why it cannot be decoded.
  /// - Throws: where it cannot be read at all.
  func decode(_ entry: ImageDataset.Entry, of dataset: ImageDataset) throws(InputError) -> DecodedImage {
    clocks?.worker.start()
    defer { clocks?.worker.finish(.decoding) }
    // An image that cannot be read at all may be there again tomorrow: that ends the run, and the rows stay open.
    let content = try dataset.content(of: entry)
    return Result { () throws(InputError) in try content.decoded() }
  }

  /// Encodes a view of an image and writes it as a row.
  ///
  /// - Parameter subject: the image's name, for errors.
  /// - Throws: where a value does not fit the stored type, or the row cannot be written.
  func write(
    _ image: RGBImage, view: ImageView, subject: String, row index: Int, to shard: ShardWriter
  ) throws(InputError) {
    let clock = clocks?.worker
    clock?.start()
    let output = encoder.encode(image, view: view) { clock?.finish(.preprocessing) }
    clock?.finish(.encoding)
    do {
      try fillRow(output)
    } catch {
      throw InputError("\(subject), \(error.subject)", error.reason, remedy: error.remedy)
    }
    clock?.finish(.rounding)
    try shard.write(row: index, row)
    clock?.finish(.writing)
  }

  private func fillRow(_ output: EncoderOutput) throws(InputError) {
    for (index, tokens) in output.tokens.enumerated() {
      try row.setTokens(tokens.pointer, blockIndex: index)
    }
    if let classAttention = output.classAttention { try row.setClassAttention(classAttention.pointer) }
    try row.setCenterAttention(output.centerAttention.pointer)
    try row.setAttentionStatistics(output.attentionStatistics.pointer)
    try row.setMagnitudes(output.magnitudes.pointer)
  }
}
