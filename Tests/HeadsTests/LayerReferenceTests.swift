import Compute
import Tensors
import TestSupport
import Testing

import Heads

/// Layers and losses against PyTorch (tools/reference/training.py, which gives the tolerance's reason).
@Suite struct LayerReferenceTests {
  private static let tolerance = 2e-6
  private let tensors: [String: Tensor]

  init() throws {
    tensors = try Safetensors.read(Fixtures.path("training/training.safetensors")).tensors
  }

  private func buffer(_ name: String) -> SharedBuffer<Float> { SharedBuffer(tensors[name]!.floats()) }

  private func expect(_ actual: SharedBuffer<Float>, equals name: String) {
    let closeness = Closeness(actual.array, tensors[name]!.floats())
    #expect(closeness.relativeError < Self.tolerance, "\(name): \(closeness)")
  }

  /// x + fc2(GELU(fc1(norm(x)))), whose gradient comes along both branches.
  @Test(arguments: [1, 2, 3])
  func aBlockOfLayersFollowsPyTorch(threads: Int) throws {
    let parallel = Parallel(threadCount: threads)
    let (count, width, hidden) = (9, 24, 40)
    var generator = SeededGenerator(seed: 0)
    let norm = LayerNormLayer("norm", width: width, epsilon: 1e-6)
    let fc1 = DenseLayer("fc1", inputWidth: width, outputWidth: hidden, products: .float32, &generator)
    let fc2 = DenseLayer("fc2", inputWidth: hidden, outputWidth: width, products: .float32, &generator)
    let parameters = norm.parameters + fc1.parameters + fc2.parameters
    for parameter in parameters {
      _ = parameter.values.buffer.update(fromContentsOf: tensors["block." + parameter.name]!.floats())
    }
    let input = buffer("block.input")
    let normalized = SharedBuffer<Float>(count: count * width)
    let before = SharedBuffer<Float>(count: count * hidden)
    let after = SharedBuffer<Float>(count: count * hidden)
    let output = SharedBuffer<Float>(count: count * width)
    try norm.forward(input, count: count, into: normalized, parallel)
    try fc1.forward(normalized, count: count, into: before, parallel)
    try GELU.forward(before, count: count * hidden, into: after, parallel)
    try fc2.forward(after, count: count, into: output, parallel)
    for index in 0..<output.count { output[index] += input[index] }
    expect(output, equals: "block.output")

    let direction = buffer("block.direction")
    let hiddenGradient = SharedBuffer<Float>(count: count * hidden)
    let normGradient = SharedBuffer<Float>(count: count * width)
    let inputGradient = SharedBuffer(direction.array)
    try fc2.backward(after, outputGradient: direction, count: count, into: hiddenGradient, parallel)
    try GELU.backward(hiddenGradient, input: before, count: count * hidden, parallel)
    try fc1.backward(normalized, outputGradient: hiddenGradient, count: count, into: normGradient, parallel)
    try norm.backward(
      input, outputGradient: normGradient, count: count, into: inputGradient, adding: true, parallel)
    expect(inputGradient, equals: "block.input_gradient")
    for parameter in parameters { expect(parameter.gradient, equals: "block.gradient." + parameter.name) }
  }

  /// A second pass doubles the parameters' gradients; the input's is written anew, or added where that is asked for.
  @Test(arguments: [false, true])
  func gradientsAreAddedWhereTheyShouldBe(adding: Bool) throws {
    let parallel = Parallel(threadCount: 2)
    var generator = SeededGenerator(seed: 1)
    let (count, width) = (5, 8)
    let norm = LayerNormLayer("norm", width: width)
    let dense = DenseLayer(
      "dense", inputWidth: width, outputWidth: width, hasBias: false, products: .float32, &generator)
    let input = SharedBuffer((0..<count * width).map { _ in Float(generator.normal()) })
    let gradient = SharedBuffer((0..<count * width).map { _ in Float(generator.normal()) })
    let inputGradients = (0..<2).map { _ in SharedBuffer<Float>(count: count * width) }
    func backward() throws {
      try norm.backward(
        input, outputGradient: gradient, count: count, into: inputGradients[0], adding: adding, parallel)
      try dense.backward(
        input, outputGradient: gradient, count: count, into: inputGradients[1], adding: adding, parallel)
    }
    try backward()
    let parameters = norm.parameters + dense.parameters
    let once = (parameters.map(\.gradient) + inputGradients).map(\.array)
    try backward()
    let twice = (parameters.map(\.gradient) + inputGradients).map(\.array)
    for (index, (once, twice)) in zip(once, twice).enumerated() {
      let factor: Float = index < parameters.count || adding ? 2 : 1
      #expect(Closeness(twice, once.map { factor * $0 }).relativeError < 1e-6, "array \(index)")
    }
  }

  @Test(arguments: [1, 3])
  func lossesFollowPyTorch(threads: Int) throws {
    let parallel = Parallel(threadCount: threads)
    let (count, classCount) = (9, 11)
    let labels = tensors["loss.labels"]!.withBytes { bytes in
      (0..<count).map { bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Int32.self) }
    }
    for (name, smoothing) in [("plain", Float(0)), ("smoothed", 0.125)] {
      let logits = buffer("loss.logits")
      let rows = RowLosses(capacity: count)
      let description = LossDescription(labelSmoothing: smoothing)
      try CrossEntropy.gradient(
        logits, labels: labels, classCount: classCount, description, scale: 1, into: rows, parallel)
      expect(logits, equals: "loss.\(name).gradient")
      expect(rows.losses, equals: "loss.\(name).rows")
    }
    let losses = SharedBuffer<Float>(count: count)
    let binary = buffer("loss.logits")
    let several = buffer("loss.several")
    try BinaryCrossEntropy.gradient(
      binary, targets: several, count: count, classCount: classCount, scale: 1, into: losses, parallel)
    expect(binary, equals: "loss.binary.gradient")
    expect(losses, equals: "loss.binary.rows")
  }

  @Test func initialValuesAreDrawnAsPyTorchDoes() {
    func layer(_ initialization: Initialization) -> DenseLayer {
      var generator = SeededGenerator(seed: 1)
      return DenseLayer(
        "layer", inputWidth: 100, outputWidth: 50, initialization: initialization, products: .float32,
        &generator)
    }
    func deviation(_ values: SharedBuffer<Float>) -> Double {
      (values.buffer.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(values.count)).squareRoot()
    }
    // A deviation estimated from 5000 numbers is right to 1 %; three times that is allowed.
    let uniform = layer(.uniform)
    #expect(abs(deviation(uniform.weight.values) / (0.1 / 3.0.squareRoot()) - 1) < 0.03)
    #expect(uniform.bias!.values.array.contains { $0 != 0 })
    let normal = layer(.truncatedNormal(deviation: 0.02))
    #expect(abs(deviation(normal.weight.values) / 0.02 - 1) < 0.03)
    let cut = layer(.truncatedNormal(deviation: 2))
    #expect(cut.weight.values.array.allSatisfy { abs($0) <= 2 })
    #expect(cut.weight.values.array.contains { abs($0) > 1.9 })
    for layer in [normal, cut] {
      #expect(layer.bias!.values.array.allSatisfy { $0 == 0 })
    }
  }
}
