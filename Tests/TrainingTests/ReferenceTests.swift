import Compute
import Foundation
import Heads
import Tensors
import TestSupport
import Testing

import Training

/// One case of tools/reference/heads.py.
struct ReferenceCase: Decodable, CustomTestStringConvertible, Sendable {
  let name: String
  let features: String
  let depth: Int
  let act: String
  let content: String
  let cond: String
  let accumulation: Int
  let optimizer: String
  let momentum: Float
  let weightDecay: Float
  let peak: Double

  enum CodingKeys: String, CodingKey {
    case name, features, depth, act, content, cond, accumulation, optimizer, momentum, peak
    case weightDecay = "weight_decay"
  }

  var testDescription: String { name }

  static let all: [ReferenceCase] = {
    let url = URL(fileURLWithPath: Fixtures.path("heads/cases.json"))
    return try! JSONDecoder().decode([ReferenceCase].self, from: Data(contentsOf: url))
  }()

  var head: HeadDescription {
    guard features == "abmilp" else { return HeadDescription(features: .init(rawValue: features)!) }
    return HeadDescription(
      features: .abmilp,
      abmilp: AbMILPDescription(
        depth: depth, activation: .init(rawValue: act)!, content: .init(rawValue: content)!,
        condition: .init(rawValue: cond)!))
  }
}

/// Tokens of the fixture, [48, 17, 24] in float16.
final class FixtureTokens: TokenSource {
  let layout: TokenLayout
  private let bytes: SharedBuffer<UInt8>

  init(_ tensor: Tensor, layout: TokenLayout) {
    precondition(tensor.shape[1] == layout.tokenCount && tensor.shape[2] == layout.width)
    self.layout = layout
    bytes = tensor.withBytes { SharedBuffer($0) }
  }

  func tokens(row: Int) -> StoredTokens {
    StoredTokens(.float16, bytes.pointer + row * tokenCount * width * 2, tokenCount: tokenCount, width: width)
  }
}

/// Heads follow PyTorch step by step. The reference computes in double precision; 1e-4 over 20 steps is the tolerance
/// that tools/reference/heads.py gives reasons for.
@Suite struct ReferenceTests {
  private let tensors: [String: Tensor]
  private let labels: [Int32]
  private let order: [Int32]

  init() throws {
    tensors = try Safetensors.read(Fixtures.path("heads/heads.safetensors")).tensors
    labels = Self.integers(tensors["labels"]!)
    order = Self.integers(tensors["order"]!)
  }

  private static func integers(_ tensor: Tensor) -> [Int32] {
    tensor.withBytes { bytes in
      (0..<tensor.count).map { bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Int32.self) }
    }
  }

  private func tensors(of prefix: String) -> [String: Tensor] {
    var result: [String: Tensor] = [:]
    for (name, tensor) in tensors where name.hasPrefix(prefix) {
      result[String(name.dropFirst(prefix.count))] = tensor
    }
    return result
  }

  @Test(arguments: ReferenceCase.all)
  func twentyStepsFollowPyTorch(reference: ReferenceCase) throws {
    let layout = TokenLayout(prefixTokenCount: 1, hasClassToken: true, gridHeight: 4, gridWidth: 4, width: 24)
    let source = FixtureTokens(tensors["tokens"]!, layout: layout)
    var generator = SeededGenerator(seed: 0)
    let pooling = try reference.head.makePooling(layout, batchSize: 48, &generator)
    let head = Head(reference.head, pooling: pooling, classCount: 5, batchSize: 48, &generator)
    let group = HeadGroup([head], layout: layout, Parallel(threadCount: 2))
    try head.load(tensors(of: reference.name + ".initial."), file: "fixture")
    let optimizer = OptimizerDescription(
      .init(rawValue: reference.optimizer)!, momentum: reference.momentum, weightDecay: reference.weightDecay
    ).makeOptimizer(for: head.parameters)
    let schedule = LearningRateSchedule(peak: reference.peak, minimum: 0, warmupEpochs: 1, epochs: 4)
    let losses = try train(group, optimizer, schedule, source, reference)

    let expected = tensors[reference.name + ".losses"]!.floats()
    for (index, (loss, expected)) in zip(losses, expected).enumerated() {
      #expect(abs(loss - expected) < 1e-4 * max(1, abs(expected)), "loss of batch \(index)")
    }
    let state = head.stateDictionary()
    // Softmax does not see the score's bias. Its gradient is zero here and rounding noise in PyTorch, which AdamW turns
    // into whole steps.
    let scoreBias = "0.attention_predictor.\(2 * reference.depth - 2).bias"
    for (name, tensor) in tensors(of: reference.name + ".final.")
    where tensor.elementType == .float32 && name != scoreBias {
      let closeness = Closeness(state[name]!.floats(), tensor.floats())
      #expect(closeness.relativeError < 1e-4, "\(name): \(closeness)")
    }
    var logits: [Float] = []
    try group.predict(Batch(source, rows: Array(0..<48))) { _, scores in logits = Array(scores) }
    let closeness = Closeness(logits, tensors[reference.name + ".logits"]!.floats())
    #expect(closeness.relativeError < 1e-4, "logits: \(closeness)")
  }

  private func train(
    _ group: HeadGroup, _ optimizer: any Optimizer, _ schedule: LearningRateSchedule, _ source: FixtureTokens,
    _ reference: ReferenceCase
  ) throws -> [Float] {
    let rates = tensors[reference.name + ".rates"]!.floats()
    var losses: [Float] = []
    for step in 0..<20 {
      let rate = schedule.learningRate(at: Double(step) / 5)
      #expect(abs(Float(rate) - rates[step]) < 1e-6 * Float(reference.peak))
      group.heads[0].clearGradients()
      for part in 0..<reference.accumulation {
        let start = (step * reference.accumulation + part) * 16
        let rows = order[start..<start + 16].map(Int.init)
        let outcomes = try group.accumulateGradients(
          Batch(source, rows: rows), labels: rows.map { labels[$0] },
          lossScale: 1 / Float(reference.accumulation))
        losses.append(Float(outcomes[0].lossSum / 16))
      }
      optimizer.update(learningRate: Float(rate), step: step)
    }
    return losses
  }
}
