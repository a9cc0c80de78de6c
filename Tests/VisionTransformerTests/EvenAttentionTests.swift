import Compute
import Foundation
import Tensors
import TestSupport
import Testing
import VisionTransformer

/// Where all weights are zero, all attention is even, and every result is known without a reference.
struct EvenAttentionTests {
  private func encoder(_ configuration: EncoderConfiguration) throws -> Encoder {
    let (width, mlpWidth) = (configuration.width, configuration.mlpWidth)
    var shapes = [
      "patch_embed.proj.weight": [
        width, configuration.channelCount, configuration.patchHeight, configuration.patchWidth,
      ],
      "patch_embed.proj.bias": [width], "pos_embed": [1, configuration.tokenCount, width],
      "cls_token": [1, 1, width], "norm.weight": [width], "norm.bias": [width],
    ]
    for block in 0..<configuration.depth {
      let ofBlock = [
        "norm1.weight": [width], "norm1.bias": [width], "norm2.weight": [width], "norm2.bias": [width],
        "attn.qkv.weight": [3 * width, width], "attn.qkv.bias": [3 * width],
        "attn.proj.weight": [width, width], "attn.proj.bias": [width],
        "mlp.fc1.weight": [mlpWidth, width], "mlp.fc1.bias": [mlpWidth],
        "mlp.fc2.weight": [width, mlpWidth], "mlp.fc2.bias": [width],
      ]
      for (name, shape) in ofBlock { shapes["blocks.\(block).\(name)"] = shape }
    }
    let weights = shapes.mapValues { shape in
      Tensor(repeatElement(0, count: shape.reduce(1, *)), shape: shape)
    }
    return try Encoder(configuration: configuration, weights: weights)
  }

  @Test(arguments: [1, 2, 3, 4, 5, 8], [true, false])
  func everyStatisticIsKnown(gridHeight: Int, hasClassToken: Bool) throws {
    let configuration = try EncoderConfigurationTests.make(
      imageHeight: 8 * gridHeight, imageWidth: 24, depth: 2, hasClassToken: hasClassToken)
    let encoder = try encoder(configuration)
    let pixels = SharedBuffer<Float>(repeatElement(1, count: configuration.pixelValueCount))
    let output = encoder.encode(pixels: pixels.pointer, blocks: [1], workspace: encoder.makeWorkspace())

    let share = 1 / Float(configuration.tokenCount)
    let patchCount = Float(configuration.patchCount)
    let adjusted = share / (patchCount * share + 1e-6)
    let entropy = -patchCount * adjusted * log(adjusted + 1e-6)
    let perHead: [AttentionStatistic: Float] = [
      .clsClsAttention: share, .posSelfAttention: share, .clsClsAttentionAdjusted: adjusted,
      .posSelfAttentionAdjusted: adjusted, .clsPosAttention: share, .posClsAttention: share,
      .clsPosEntropy: entropy, .posPosEntropy: entropy,
    ]
    for (index, value) in output.attentionStatistics.array.enumerated() {
      let statistic = AttentionStatistic.perHead[index % 8]
      let absent = !hasClassToken && statistic.needsClassToken
      #expect(absent ? value.isNaN : abs(value - perHead[statistic]!) < 1e-6, "\(statistic): \(value)")
    }
    // The branch is zero, and so is the block's input.
    #expect(
      output.magnitudes.array.map { $0.isNaN ? -1 : $0 } == (hasClassToken ? [0, 0, 0, 0] : [-1, 0, -1, 0]))
    let rows = [output.centerAttention] + [output.classAttention].compactMap { $0 }
    #expect(rows.allSatisfy { row in row.array.allSatisfy { abs($0 - share) < 1e-7 } })
    #expect(output.tokens[0].array == [Float](repeating: 0, count: configuration.tokenCount * 24))
  }
}
