import Compute
import Images
import VisionTransformer

/// One thread's memory on the way from an image to its tokens.
final class ImageEncoder {
  private let encoder: Encoder
  private let blocks: [Int]
  private let preprocessor: Preprocessor
  private let workspace: Encoder.Workspace
  /// [3, crop, crop]
  private let pixels: SharedBuffer<Float>

  init(_ plan: ExtractionPlan, clock: StageClock<EncoderStage>? = nil) {
    encoder = plan.encoder
    blocks = plan.configuration.blocks
    preprocessor = Preprocessor(plan.preprocessing)
    workspace = plan.encoder.makeWorkspace(clock: clock)
    pixels = SharedBuffer(count: plan.preprocessing.valueCount)
  }

  /// - Parameters:
  ///   - view: what of the image is encoded.
  ///   - onPreprocessed: called between the two steps.
  /// - Returns: what the next image overwrites.
  func encode(_ image: RGBImage, view: ImageView, onPreprocessed: () -> Void = {}) -> EncoderOutput {
    preprocessor.apply(image, view: view, into: pixels.pointer)
    onPreprocessed()
    return encoder.encode(pixels: pixels.pointer, blocks: blocks, workspace: workspace)
  }
}
