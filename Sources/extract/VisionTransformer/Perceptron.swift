import CKernels
import Compute
import Files
import LinearLayers

/// A block's multilayer perceptron: `fc2(activation(fc1(x)))`, or with a gate `fc2(silu(gate) * value)`, where `fc1` gives
/// the gate and the value one after the other.
struct Perceptron: Sendable {
  private let configuration: EncoderConfiguration
  private let operands: ElementType
  private let expansion: LinearLayer
  private let norm: Norm?
  /// With the branch's learned scale, which is linear, inside.
  private let contraction: LinearLayer

  /// - Parameter scale: what the branch is multiplied with before it is added, `[D]`.
  init(
    _ reader: WeightReader, _ configuration: EncoderConfiguration, _ arithmetic: Arithmetic,
    scale: SharedBuffer<Float>
  ) throws(InputError) {
    self.configuration = configuration
    operands = arithmetic.operands
    let (parts, width, hidden) = (configuration.parts, configuration.width, configuration.mlpWidth)
    let expanded = parts.isGated ? 2 * hidden : hidden
    let expansion = reader.scoped("fc1")
    self.expansion = try arithmetic.linearLayer(
      weight: expansion.values("weight", shape: [expanded, width]),
      bias: expansion.bias(parts.hasPerceptronBias, count: expanded), rows: configuration.tokenCount,
      result: Self.isWide(parts) ? .float32 : operands,
      completion: .store(parts.isGated ? nil : configuration.activation))
    norm = parts.hasPerceptronNorm ? try Norm(reader.scoped("norm"), configuration, width: hidden) : nil
    let contraction = reader.scoped("fc2")
    let weight = try contraction.values("weight", shape: [width, hidden])
    let bias = try contraction.bias(parts.hasPerceptronBias, count: width)
    for output in 0..<width {
      for input in 0..<hidden { weight.pointer[output * hidden + input] *= scale.pointer[output] }
      bias.pointer[output] *= scale.pointer[output]
    }
    self.contraction = try arithmetic.linearLayer(
      weight: weight, bias: bias, rows: configuration.tokenCount, result: .float32, completion: .add)
  }

  /// Whether hidden values are gated or normalised before they are rounded.
  private static func isWide(_ parts: EncoderParts) -> Bool { parts.isGated || parts.hasPerceptronNorm }

  /// The single-precision values that stand between the layers, of the gate's input and of the norm's.
  static func wideCount(_ configuration: EncoderConfiguration) -> Int {
    let (parts, count) = (configuration.parts, configuration.tokenCount * configuration.mlpWidth)
    return (parts.isGated ? 2 * count : 0) + (parts.hasPerceptronNorm ? count : 0)
  }

  var isWidened: Bool { contraction.isWidened }
  var scratchByteCount: Int { max(expansion.scratchByteCount, contraction.scratchByteCount) }

  /// From `scratch.normalized`, added to `scratch.residual`.
  func apply(_ scratch: Encoder.Scratch, clock: StageClock<EncoderStage>?) {
    let operation = scratch.operation.pointer
    let isWide = Self.isWide(configuration.parts)
    let hidden = UnsafeMutableRawPointer(scratch.hidden.pointer)
    expansion.apply(
      scratch.normalized.pointer, into: isWide ? UnsafeMutableRawPointer(scratch.wide.pointer) : hidden,
      scratch: operation)
    clock?.finish(.linear)
    if isWide {
      finishHidden(scratch)
      clock?.finish(.elementwise)
    }
    contraction.apply(hidden, into: scratch.residual.pointer, scratch: operation)
    clock?.finish(.linear)
  }

  /// The gate, the norm or both, from `scratch.wide` to `scratch.hidden`.
  private func finishHidden(_ scratch: Encoder.Scratch) {
    let (rows, hidden) = (configuration.tokenCount, configuration.mlpWidth)
    var values = scratch.wide.pointer
    if configuration.parts.isGated {
      let input = values
      guard norm != nil else { return gate(input, into: scratch.hidden.pointer) }
      values += 2 * rows * hidden
      pb_gate_silu(input, values, rows, hidden)
    }
    norm?.apply(values, rowCount: rows, into: scratch.hidden, as: operands)
  }

  private func gate(_ input: UnsafePointer<Float>, into output: UnsafeMutableRawPointer) {
    let (rows, hidden) = (configuration.tokenCount, configuration.mlpWidth)
    switch operands {
    case .float32: pb_gate_silu(input, output.assumingMemoryBound(to: Float.self), rows, hidden)
    default: pb_gate_silu_bf16(input, output.assumingMemoryBound(to: UInt16.self), rows, hidden)
    }
  }
}
