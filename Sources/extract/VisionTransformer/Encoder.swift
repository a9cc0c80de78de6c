import Compute
import Files
import Tensors

/// A frozen pre-norm Vision Transformer (Dosovitskiy et al., 2021), which measures the attention of
/// every block as an image passes through.
///
/// An image is encoded by one thread in one ``Workspace``; threads that share an encoder encode different images. So an
/// image's tokens are the same whatever the number of threads and whichever images are encoded before it.
public final class Encoder: Sendable {
  public let configuration: EncoderConfiguration
  public let arithmetic: Arithmetic
  /// The norm that the model applies to its last block's output, which ``encode(pixels:blocks:workspace:)`` does not.
  public let finalNorm: Norm?
  /// Whether operands are widened to single precision, as this processor does not multiply them: right, but no faster.
  public var isWidened: Bool { blocks[0].isWidened }
  private let embedding: PatchEmbedding
  private let blocks: [Block]
  /// For each size of region, the patches in the middle of the grid.
  private let centralPatches: [[Int]]
  private let attentionStride: Int

  /// - Parameters:
  ///   - weights: timm's names (`cls_token`, `pos_embed`, `patch_embed.proj.weight`, `blocks.0.norm1.weight`,
  ///   ...), of any floating-point type; others are left alone.
  ///   - parallel: the threads that pack weights.
  /// - Throws: ``InputError`` that names the first key which is missing, of the wrong shape or type, or not finite.
  public init(
    configuration: EncoderConfiguration, weights: [String: Tensor], arithmetic: Arithmetic = .float32,
    parallel: Parallel = Parallel()
  ) throws(InputError) {
    self.configuration = configuration
    self.arithmetic = arithmetic
    let reader = WeightReader(weights)
    embedding = try PatchEmbedding(reader, configuration, arithmetic)
    let positions = try SharedPositions(reader, configuration)
    // Packing takes as long as encoding some dozen images.
    blocks = try parallel.map(configuration.depth) { (index) throws(InputError) in
      try Block(reader.scoped("blocks.\(index)"), configuration, arithmetic, positions)
    }
    finalNorm =
      configuration.parts.hasFinalNorm
      ? try Norm(reader.scoped("norm"), configuration, width: configuration.width) : nil
    centralPatches = (1...CentralPatches.regionCount).map {
      CentralPatches.indices(
        side: $0, gridHeight: configuration.gridHeight, gridWidth: configuration.gridWidth)
    }
    attentionStride = Attention.stride(configuration)
  }

  /// The memory for one thread's images.
  ///
  /// - Parameter clock: told where the time goes.
  public func makeWorkspace(clock: StageClock<EncoderStage>? = nil) -> Workspace {
    let operationByteCount = blocks.map(\.scratchByteCount).reduce(embedding.scratchByteCount, max)
    return Workspace(self, operationByteCount: operationByteCount, clock: clock)
  }

  /// Encodes one image.
  ///
  /// - Parameters:
  ///   - pixels: `[C, image height, image width]`, resized, cropped and normalised.
  ///   - blocks: the blocks whose output is kept, counted from 0, in any order.
  ///   - workspace: this thread's own, made by this encoder.
  /// - Returns: the workspace's output, which the next image overwrites.
  @discardableResult
  public func encode(
    pixels: UnsafePointer<Float>, blocks requested: [Int], workspace: Workspace
  ) -> EncoderOutput {
    precondition(
      workspace.encoder === self, "the workspace is that of another encoder")
    precondition(
      requested.allSatisfy(blocks.indices.contains), "blocks \(requested) are not all in \(blocks.indices)")
    workspace.reserveTokens(requested.count)
    let output = workspace.output
    let scratch = workspace.scratch
    let clock = workspace.clock
    clock?.start()
    output.centerAttention.fill(0)
    embedding.apply(pixels, scratch)
    clock?.finish(.embedding)
    func keepRows(head: Int, attention: UnsafePointer<Float>) {
      self.keepRows(of: attention, head: head, in: output)
      clock?.finish(.output)
    }
    for (index, block) in blocks.enumerated() {
      let statisticCount = configuration.headCount * AttentionStatistic.perHead.count
      block.apply(
        scratch, clock: clock,
        attentionStatistics: output.attentionStatistics.pointer + index * statisticCount,
        magnitudes: output.magnitudes.pointer + index * AttentionStatistic.perBlock.count,
        inspect: index == blocks.count - 1 ? keepRows : nil)
      for (tokens, wanted) in zip(output.tokens, requested) where wanted == index {
        tokens.pointer.update(from: scratch.residual.pointer, count: tokens.count)
        clock?.finish(.output)
      }
    }
    return output
  }

  /// Keeps the rows of [cls] and of the central patches of a head's attention, `[T, stride]`, without their prefix columns.
  private func keepRows(of attention: UnsafePointer<Float>, head: Int, in output: EncoderOutput) {
    let (patchCount, prefix) = (configuration.patchCount, configuration.prefixTokenCount)
    if let classAttention = output.classAttention {
      (classAttention.pointer + head * patchCount).update(from: attention + prefix, count: patchCount)
    }
    for (region, patches) in centralPatches.enumerated() {
      let sums = output.centerAttention.pointer + region * patchCount
      let share = 1 / Float(patches.count * configuration.headCount)
      for patch in patches {
        let row = attention + (prefix + patch) * attentionStride + prefix
        for column in 0..<patchCount { sums[column] += share * row[column] }
      }
    }
  }
}
