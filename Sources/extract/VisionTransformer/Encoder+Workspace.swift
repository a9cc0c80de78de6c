import Compute

/// What is kept of one image. Its buffers belong to a workspace and are overwritten by the workspace's next image.
public struct EncoderOutput {
  /// The output of each requested block, in the order of the request: `[T, D]`, before the final norm.
  public internal(set) var tokens: [SharedBuffer<Float>] = []
  /// ``AttentionStatistic/perHead`` of every block: `[L, H, 8]`. Without [cls], those that need it are NaN.
  public let attentionStatistics: SharedBuffer<Float>
  /// ``AttentionStatistic/perBlock`` of every block: `[L, 2]`. Without [cls], the first is NaN.
  public let magnitudes: SharedBuffer<Float>
  /// The last block's attention from [cls] to the patches, `[H, P]`; nil without [cls].
  public let classAttention: SharedBuffer<Float>?
  /// The last block's attention from the central patches (1, 2x2, 3x3 and 4x4 of them) to the patches, its mean over
  /// them and over the heads: `[4, P]`. As the softmax left it: what goes to [cls] is missing from the sum of a row.
  public let centerAttention: SharedBuffer<Float>

  init(_ configuration: EncoderConfiguration) {
    let (depth, headCount) = (configuration.depth, configuration.headCount)
    attentionStatistics = SharedBuffer(count: depth * headCount * AttentionStatistic.perHead.count)
    magnitudes = SharedBuffer(count: depth * AttentionStatistic.perBlock.count)
    classAttention =
      configuration.hasClassToken ? SharedBuffer(count: headCount * configuration.patchCount) : nil
    centerAttention = SharedBuffer(count: CentralPatches.regionCount * configuration.patchCount)
  }
}

extension Encoder {
  /// The memory that one thread needs to encode images one after the other: scratch, and the last image's output.
  public final class Workspace {
    public internal(set) var output: EncoderOutput
    let scratch: Scratch
    let configuration: EncoderConfiguration

    init(_ configuration: EncoderConfiguration) {
      self.configuration = configuration
      output = EncoderOutput(configuration)
      scratch = Scratch(configuration)
    }

    /// Makes room for the tokens of `count` blocks.
    func reserveTokens(_ count: Int) {
      let size = configuration.tokenCount * configuration.width
      while output.tokens.count < count { output.tokens.append(SharedBuffer(count: size)) }
      output.tokens.removeLast(output.tokens.count - count)
    }
  }

  /// What lives between the steps of a forward pass.
  struct Scratch {
    /// `[P, patch values]`
    let patches: SharedBuffer<Float>
    /// The tokens on their way through the blocks, `[T, D]`.
    let residual: SharedBuffer<Float>
    /// `[T, D]`
    let normalized: SharedBuffer<Float>
    /// `[T, 3 D]`
    let queryKeyValue: SharedBuffer<Float>
    /// One head's scores, then its attention, `[T, T]`.
    let attention: SharedBuffer<Float>
    /// All heads' outputs side by side, `[T, D]`.
    let attended: SharedBuffer<Float>
    /// `[T, MLP width]`
    let hidden: SharedBuffer<Float>
    /// A branch's output before it is added, `[T, D]`.
    let branch: SharedBuffer<Float>
    /// `[T]`
    let magnitudes: SharedBuffer<Float>

    init(_ configuration: EncoderConfiguration) {
      let (tokenCount, width) = (configuration.tokenCount, configuration.width)
      patches = SharedBuffer(
        count: configuration.patchCount * PatchEmbedding.patchValueCount(configuration))
      residual = SharedBuffer(count: tokenCount * width)
      normalized = SharedBuffer(count: tokenCount * width)
      queryKeyValue = SharedBuffer(count: tokenCount * 3 * width)
      attention = SharedBuffer(count: tokenCount * tokenCount)
      attended = SharedBuffer(count: tokenCount * width)
      hidden = SharedBuffer(count: tokenCount * configuration.mlpWidth)
      branch = SharedBuffer(count: tokenCount * width)
      magnitudes = SharedBuffer(count: tokenCount)
    }
  }
}
