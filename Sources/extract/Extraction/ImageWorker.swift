import Compute
import Files
import Images
import TokenStore
import VisionTransformer

/// One thread's memory on the way from an image to a row.
final class ImageWorker {
  private let encoder: Encoder
  private let blocks: [Int]
  private let preprocessor: Preprocessor
  private let workspace: Encoder.Workspace
  /// [3, crop, crop]
  private let pixels: SharedBuffer<Float>
  private let row: RowBuffer

  init(_ plan: ExtractionPlan, _ layout: RowLayout) {
    encoder = plan.encoder
    blocks = plan.configuration.blocks
    preprocessor = Preprocessor(plan.preprocessing)
    workspace = plan.encoder.makeWorkspace()
    pixels = SharedBuffer(count: plan.preprocessing.valueCount)
    row = RowBuffer(layout: layout)
  }

  /// - Parameters:
  ///   - view: what of the image is encoded.
  ///   - subject: the image's name, for errors.
  /// - Returns: the worker's row, filled; the next view overwrites it.
  /// - Throws: where a value does not fit the stored type.
  func encode(_ image: RGBImage, view: ImageView, subject: String) throws(InputError) -> RowBuffer {
    preprocessor.apply(image, view: view, into: pixels.pointer)
    let output = encoder.encode(pixels: pixels.pointer, blocks: blocks, workspace: workspace)
    do {
      for (index, tokens) in output.tokens.enumerated() {
        try row.setTokens(tokens.pointer, blockIndex: index)
      }
      if let classAttention = output.classAttention { try row.setClassAttention(classAttention.pointer) }
      try row.setCenterAttention(output.centerAttention.pointer)
      try row.setAttentionStatistics(output.attentionStatistics.pointer)
      try row.setMagnitudes(output.magnitudes.pointer)
    } catch {
      throw InputError("\(subject), \(error.subject)", error.reason, remedy: error.remedy)
    }
    return row
  }
}
