import Compute
import Foundation
import Heads
import Tensors
import TestSupport
import Testing

import Training

/// The head of one case of tools/reference/heads.py.
struct ReferenceHead: Decodable, CustomTestStringConvertible, Sendable {
  let name: String
  let features: String
  let depth: Int
  let act: String
  let content: TokenContent
  let cond: String
  let sa: String?
  let queries: Int?
  let heads: Int?
  let outputDivisor: Int?
  let headWidth: Int?

  enum CodingKeys: String, CodingKey {
    case name, features, depth, act, content, cond, sa, queries, heads
    case outputDivisor = "d_out"
    case headWidth = "head_width"
  }

  var testDescription: String { name }

  var description: HeadDescription {
    let kind = HeadDescription.Features(rawValue: features)!
    guard kind != .abmilp else {
      return HeadDescription(
        features: .abmilp,
        abmilp: AbMILPDescription(
          depth: depth, activation: .init(rawValue: act)!, content: content,
          condition: .init(rawValue: cond)!, selfAttention: sa.map { .init(rawValue: $0)! } ?? .none))
    }
    guard kind.isAttentive else { return HeadDescription(features: kind) }
    return HeadDescription(
      features: kind,
      attentive: AttentiveDescription(
        content: content, queryCount: queries!, headCount: heads!, outputDivisor: outputDivisor!,
        headWidth: kind == .coca ? headWidth : nil))
  }

  /// The cases of a file.
  static func read<Case: Decodable>(_ file: String, _ type: Case.Type) -> [Case] {
    let url = URL(fileURLWithPath: Fixtures.path("heads/\(file).json"))
    return try! JSONDecoder().decode([Case].self, from: Data(contentsOf: url))
  }
}

/// How a head was trained.
struct ReferenceCase: Decodable, CustomTestStringConvertible, Sendable {
  let head: ReferenceHead
  let accumulation: Int
  let optimizer: String
  let momentum: Float
  let weightDecay: Float
  let peak: Double
  /// Parameters that the loss does not depend on: only rounding moves them.
  let withoutGradient: [String]

  enum CodingKeys: String, CodingKey {
    case accumulation, optimizer, momentum, peak
    case weightDecay = "weight_decay"
    case withoutGradient = "without_gradient"
  }

  init(from decoder: any Decoder) throws {
    head = try ReferenceHead(from: decoder)
    let container = try decoder.container(keyedBy: CodingKeys.self)
    accumulation = try container.decode(Int.self, forKey: .accumulation)
    optimizer = try container.decode(String.self, forKey: .optimizer)
    momentum = try container.decode(Float.self, forKey: .momentum)
    weightDecay = try container.decode(Float.self, forKey: .weightDecay)
    peak = try container.decode(Double.self, forKey: .peak)
    withoutGradient = try container.decode([String].self, forKey: .withoutGradient)
  }

  var name: String { head.name }
  var testDescription: String { name }

  static let plain = ReferenceHead.read("cases", ReferenceCase.self)
  static let attentive = ReferenceHead.read("attentive", ReferenceCase.self)
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

/// The tensors of a file of tools/reference/heads.py.
struct ReferenceFile {
  private let tensors: [String: Tensor]

  init(_ name: String) throws {
    tensors = try Safetensors.read(Fixtures.path("heads/\(name).safetensors")).tensors
  }

  subscript(name: String) -> Tensor { tensors[name]! }

  func integers(_ name: String) -> [Int32] {
    let tensor = tensors[name]!
    return tensor.withBytes { bytes in
      (0..<tensor.count).map { bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Int32.self) }
    }
  }

  /// By what follows a prefix in their names.
  func tensors(of prefix: String) -> [String: Tensor] {
    var result: [String: Tensor] = [:]
    for (name, tensor) in tensors where name.hasPrefix(prefix) {
      result[String(name.dropFirst(prefix.count))] = tensor
    }
    return result
  }

  /// A head with a state dictionary of the file, in a group of its own, and what it looks at: the file's tokens, or the
  /// features that are computed once from them.
  func head(
    _ reference: ReferenceHead, state prefix: String, gridHeight: Int, gridWidth: Int,
    products: MatrixProducts = .float32
  ) throws -> (HeadGroup, any TokenSource) {
    let (shape, description) = (self["tokens"].shape, reference.description)
    let layout = TokenLayout(
      prefixTokenCount: 1, hasClassToken: true, gridHeight: gridHeight, gridWidth: gridWidth, width: shape[2])
    var source: any TokenSource = FixtureTokens(self["tokens"], layout: layout)
    let parallel = Parallel(threadCount: 2)
    var generator = SeededGenerator(seed: 0)
    let pooling: any Pooling
    if FixedFeature.isComputedOnce(description.features) {
      let folder = NSTemporaryDirectory()
      source = try FixedFeatures.compute(
        [description.features], source, rows: Array(0..<shape[0]), parallel, folder: folder)![0]
      pooling = FlattenedTokens(source.layout)
    } else {
      pooling = try description.makePooling(layout, batchSize: shape[0], products: products, &generator)
    }
    let head = Head(
      description, pooling: pooling, classCount: 5, batchSize: shape[0], products: products, &generator)
    try head.load(tensors(of: prefix), file: "fixture")
    return (HeadGroup([head], layout: source.layout, parallel), source)
  }
}

/// Heads follow PyTorch step by step. The reference computes in double precision; 1e-4 over 20 steps is the tolerance
/// that tools/reference/heads.py gives reasons for.
@Suite struct ReferenceTests {
  @Test(arguments: ReferenceCase.plain)
  func twentyStepsFollowPyTorch(reference: ReferenceCase) throws {
    try follow(reference, ReferenceFile("heads"))
  }

  @Test(arguments: ReferenceCase.attentive)
  func twentyStepsOfAttentiveHeadsFollowPyTorch(reference: ReferenceCase) throws {
    try follow(reference, ReferenceFile("attentive"))
  }

  private func follow(_ reference: ReferenceCase, _ file: ReferenceFile) throws {
    let (group, source) = try file.head(
      reference.head, state: reference.name + ".initial.", gridHeight: 4, gridWidth: 4)
    let head = group.heads[0]
    let losses = try train(group, source, reference, file)

    let expected = file[reference.name + ".losses"].floats()
    for (index, (loss, expected)) in zip(losses, expected).enumerated() {
      #expect(abs(loss - expected) < 1e-4 * max(1, abs(expected)), "loss of batch \(index)")
    }
    let state = head.stateDictionary()
    // What the loss does not depend on has a gradient of zero here and of rounding noise in PyTorch, which AdamW turns
    // into whole steps.
    for (name, tensor) in file.tensors(of: reference.name + ".final.")
    where tensor.elementType == .float32 && !reference.withoutGradient.contains(name) {
      let closeness = Closeness(state[name]!.floats(), tensor.floats())
      #expect(closeness.relativeError < 1e-4, "\(name): \(closeness)")
    }
    var logits: [Float] = []
    try group.predict(Batch(source, rows: Array(0..<48))) { _, scores in logits = Array(scores) }
    let closeness = Closeness(logits, file[reference.name + ".logits"].floats())
    #expect(closeness.relativeError < 1e-4, "logits: \(closeness)")
  }

  private func train(
    _ group: HeadGroup, _ source: any TokenSource, _ reference: ReferenceCase, _ file: ReferenceFile
  ) throws -> [Float] {
    let optimizer = OptimizerDescription(
      .init(rawValue: reference.optimizer)!, momentum: reference.momentum, weightDecay: reference.weightDecay
    ).makeOptimizer(for: group.heads[0].parameters)
    let (labels, order) = (file.integers("labels"), file.integers("order"))
    let schedule = LearningRateSchedule(peak: reference.peak, minimum: 0, warmupEpochs: 1, epochs: 4)
    let rates = file[reference.name + ".rates"].floats()
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

  /// Rounded operands make another run, which drifts away from the one in double precision; PyTorch's autocast to bfloat16
  /// says how far is usual (tools/reference/autocast.py). Both drift by chance, so that ours may drift twice as far.
  @Test(
    arguments: ReferenceCase.plain.map { ($0, "heads") } + ReferenceCase.attentive.map { ($0, "attentive") })
  func twentyStepsOfRoundedOperandsStayAsNearAsPyTorchs(reference: ReferenceCase, file: String) throws {
    let file = try ReferenceFile(file)
    let (group, source) = try file.head(
      reference.head, state: reference.name + ".initial.", gridHeight: 4, gridWidth: 4, products: .bfloat16)
    let losses = try train(group, source, reference, file)
    let expected = file[reference.name + ".losses"].floats()
    let autocast = try ReferenceFile("autocast")[reference.name + ".losses"].floats()
    let (ours, theirs) = (Closeness(losses, expected), Closeness(autocast, expected))
    #expect(ours.relativeError < 2 * theirs.relativeError, "\(ours), PyTorch's \(theirs)")
    #expect(ours.relativeError > 1e-5, "nothing is rounded")
  }

  /// A forward pass alone has a few dozen roundings of 6e-8 in a row.
  @Test(arguments: ReferenceCase.attentive)
  func trainedHeadsHavePyTorchsLogits(reference: ReferenceCase) throws {
    let file = try ReferenceFile("attentive")
    let (group, source) = try file.head(
      reference.head, state: reference.name + ".final.", gridHeight: 4, gridWidth: 4)
    var logits: [Float] = []
    try group.predict(Batch(source, rows: Array(0..<48))) { _, scores in logits = Array(scores) }
    let closeness = Closeness(logits, file[reference.name + ".logits"].floats())
    #expect(closeness.relativeError < 1e-5, "logits: \(closeness)")
  }

  private static let singlePasses = ReferenceHead.read("gradients", ReferenceHead.self)

  /// One pass over a batch of seven images of 3 x 5 patches of width 20: nothing that vectors or blocks divide. What the
  /// running statistics of the last batch norm become tells that features agree.
  @Test(arguments: singlePasses)
  func onePassFollowsPyTorch(reference: ReferenceHead) throws {
    let file = try ReferenceFile("gradients")
    let (group, source) = try file.head(
      reference, state: reference.name + ".parameter.", gridHeight: 3, gridWidth: 5)
    let head = group.heads[0]
    head.clearGradients()
    let outcome = try group.accumulateGradients(
      Batch(source, rows: Array(0..<7)), labels: file.integers("labels"))[0]
    #expect(abs(Float(outcome.lossSum / 7) - file[reference.name + ".loss"].floats()[0]) < 1e-5)
    let state = head.stateDictionary()
    for (name, tensor) in file.tensors(of: reference.name + ".after.") {
      let closeness = Closeness(state[name]!.floats(), tensor.floats())
      #expect(closeness.relativeError < 1e-5, "\(name): \(closeness)")
    }
    let gradients = Dictionary(
      uniqueKeysWithValues: zip(head.parameterNames, head.parameters.map(\.gradient.array)))
    for (name, tensor) in file.tensors(of: reference.name + ".gradient.") {
      let expected = tensor.floats()
      let closeness = Closeness(gradients[name]!, expected)
      // Of what the loss does not depend on, a gradient of rounding noise may be left.
      #expect(
        closeness.relativeError < 2e-5 || closeness.maximumDifference < 5e-7, "\(name): \(closeness)")
    }
  }
}
