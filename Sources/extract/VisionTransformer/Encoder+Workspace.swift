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
      configuration.parts.hasClassToken ? SharedBuffer(count: headCount * configuration.patchCount) : nil
    centerAttention = SharedBuffer(count: CentralPatches.regionCount * configuration.patchCount)
  }
}

extension Encoder {
  /// The memory that one thread needs to encode images one after the other: scratch, and the last image's output.
  public final class Workspace {
    public internal(set) var output: EncoderOutput
    let encoder: Encoder
    let scratch: Scratch
    let clock: StageClock<EncoderStage>?

    init(_ encoder: Encoder, operationByteCount: Int, clock: StageClock<EncoderStage>?) {
      self.encoder = encoder
      self.clock = clock
      output = EncoderOutput(encoder.configuration)
      scratch = Scratch(encoder.configuration, encoder.arithmetic, operationByteCount: operationByteCount)
    }

    /// Makes room for the tokens of `count` blocks.
    func reserveTokens(_ count: Int) {
      let size = encoder.configuration.tokenCount * encoder.configuration.width
      while output.tokens.count < count { output.tokens.append(SharedBuffer(count: size)) }
      output.tokens.removeLast(output.tokens.count - count)
    }
  }

  /// What lives between the steps of a forward pass. Operands are of the arithmetic's type.
  struct Scratch {
    /// `[P, patch values]`, operands
    let patches: SharedBuffer<UInt8>
    /// The tokens on their way through the blocks, `[T, D]`.
    let residual: SharedBuffer<Float>
    /// `[T, D]`, operands
    let normalized: SharedBuffer<UInt8>
    /// `[T, 3 D]`, operands
    let queryKeyValue: SharedBuffer<UInt8>
    /// One head's attention, `[T, stride]`, where it is looked at.
    let attention: SharedBuffer<Float>
    /// All heads' outputs side by side, `[T, D]`, operands
    let attended: SharedBuffer<UInt8>
    /// `[T, MLP width]`, operands
    let hidden: SharedBuffer<UInt8>
    /// What is normalised, rotated or gated before it is rounded to operands: `[T, 3 D]` or `[T, 2 MLP width]` and more.
    let wide: SharedBuffer<Float>
    /// A branch's output before it is added, `[T, D]`.
    let branch: SharedBuffer<Float>
    /// `[T]`
    let magnitudes: SharedBuffer<Float>
    /// What linear layers and attention heads need for themselves.
    let operation: SharedBuffer<UInt8>

    init(_ configuration: EncoderConfiguration, _ arithmetic: Arithmetic, operationByteCount: Int) {
      func operands(_ count: Int) -> SharedBuffer<UInt8> {
        SharedBuffer(count: count * arithmetic.operands.byteCount)
      }
      let (tokenCount, width) = (configuration.tokenCount, configuration.width)
      patches = operands(configuration.patchCount * PatchEmbedding.patchValueCount(configuration))
      residual = SharedBuffer(count: tokenCount * width)
      normalized = operands(tokenCount * width)
      queryKeyValue = operands(tokenCount * 3 * width)
      attention = SharedBuffer(count: Attention.elementCount(configuration))
      attended = operands(tokenCount * width)
      hidden = operands(tokenCount * configuration.mlpWidth)
      wide = SharedBuffer(
        count: max(
          QueryKeyAdjustment.wideCount(configuration, arithmetic), Perceptron.wideCount(configuration)))
      branch = SharedBuffer(count: tokenCount * width)
      magnitudes = SharedBuffer(count: tokenCount)
      operation = SharedBuffer(count: operationByteCount)
    }
  }
}
