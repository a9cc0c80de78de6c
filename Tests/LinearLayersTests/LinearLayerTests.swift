import Compute
import Foundation
import LinearLayers
import TestSupport
import Testing

private func activated(_ activation: Activation?, _ x: Double) -> Double {
  switch activation {
  case nil: x
  case .gelu: 0.5 * x * erfc(-x / 2.0.squareRoot())
  case .geluTanh: 0.5 * x * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
  case .quickGelu: x / (1 + exp(-1.702 * x))
  }
}

/// A layer of random weights, a random input, and what comes out of it by definition.
private struct Sample {
  let shape: LinearShape
  let input: SharedBuffer<UInt8>
  let weight: SharedBuffer<Float>
  let bias: SharedBuffer<Float>
  /// What the output holds before.
  let before: [Float]
  let expected: [Float]

  init(_ shape: LinearShape, seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    func random(_ count: Int) -> [Float] { (0..<count).map { _ in Float(generator.normal()) } }
    /// As the operands' type holds them.
    func rounded(_ values: [Float]) -> (memory: SharedBuffer<UInt8>, values: SharedBuffer<Float>) {
      let memory = SharedBuffer<UInt8>(count: values.count * shape.operands.byteCount)
      shape.operands.encode(values, into: memory.pointer, count: values.count)
      let result = SharedBuffer<Float>(count: values.count)
      shape.operands.decode(memory.pointer, into: result.pointer, count: values.count)
      return (memory, result)
    }
    let (rows, inputWidth, outputWidth) = (shape.rows, shape.inputWidth, shape.outputWidth)
    let input = rounded(random(rows * inputWidth))
    let weight = rounded(random(outputWidth * inputWidth)).values
    let bias = SharedBuffer(random(outputWidth))
    let before = random(rows * outputWidth)
    expected = (0..<rows * outputWidth).map { index in
      let (row, output) = index.quotientAndRemainder(dividingBy: outputWidth)
      let sum = (0..<inputWidth).reduce(Double(bias[output])) {
        $0 + Double(input.values.pointer[row * inputWidth + $1])
          * Double(weight.pointer[output * inputWidth + $1])
      }
      return switch shape.completion {
      case .add: Float(sum + Double(before[index]))
      case .store(let activation): Float(activated(activation, sum))
      }
    }
    self.shape = shape
    self.input = input.memory
    self.weight = weight
    self.bias = bias
    self.before = before
  }

  func layer(_ engine: LinearEngine) throws -> LinearLayer {
    try LinearLayer(shape, weight: weight, bias: bias, engine: engine)
  }

  func apply(_ layer: LinearLayer) -> [Float] {
    let output = SharedBuffer<UInt8>(count: before.count * shape.result.byteCount)
    shape.result.encode(before, into: output.pointer, count: before.count)
    let scratch = SharedBuffer<UInt8>(count: layer.scratchByteCount)
    layer.apply(input.pointer, into: output.pointer, scratch: scratch.pointer)
    let result = SharedBuffer<Float>(count: before.count)
    shape.result.decode(output.pointer, into: result.pointer, count: before.count)
    return result.array
  }
}

struct LinearLayerTests {
  struct Size: Sendable {
    let rows: Int
    let inputWidth: Int
    let outputWidth: Int
  }

  static let sizes = [
    Size(rows: 1, inputWidth: 1, outputWidth: 1), Size(rows: 2, inputWidth: 15, outputWidth: 17),
    Size(rows: 16, inputWidth: 16, outputWidth: 16), Size(rows: 17, inputWidth: 31, outputWidth: 33),
    Size(rows: 5, inputWidth: 64, outputWidth: 5), Size(rows: 65, inputWidth: 27, outputWidth: 48),
    Size(rows: 197, inputWidth: 192, outputWidth: 100),
  ]

  @Test(arguments: sizes, LinearEngine.allCases)
  func agreesWithItsDefinition(size: Size, engine: LinearEngine) throws {
    let completions: [LinearShape.Completion] = [.add, .store(nil)] + Activation.allCases.map { .store($0) }
    for operands in [ElementType.float32, .bfloat16] {
      for completion in completions {
        for result in Set(completion == .add ? [.float32] : [operands, .float32]) {
          let sample = Sample(
            LinearShape(
              rows: size.rows, inputWidth: size.inputWidth, outputWidth: size.outputWidth,
              operands: operands, result: result, completion: completion), seed: 1)
          let closeness = Closeness(sample.apply(try sample.layer(engine)), sample.expected)
          // Of float32's rounding in sums of some hundred products; or of one rounding to a bfloat16.
          let tolerance = result == .float32 ? 2e-6 : 0x1p-8
          #expect(closeness.relativeError < tolerance, "\(sample.shape): \(closeness)")
        }
      }
    }
  }

  @Test(arguments: LinearEngine.allCases)
  func threadsShareALayer(engine: LinearEngine) throws {
    let sample = Sample(
      LinearShape(rows: 40, inputWidth: 96, outputWidth: 64, operands: .float32, result: .float32), seed: 2)
    let layer = try sample.layer(engine)
    let expected = sample.apply(layer)
    #expect(Closeness(expected, sample.expected).relativeError < 2e-6)
    let differing = SharedBuffer<Bool>(count: 64)
    try Parallel(threadCount: 4).forEach(64) { index, _ in
      differing.pointer[index] = sample.apply(layer) != expected
    }
    #expect(!differing.array.contains(true))
  }
}
