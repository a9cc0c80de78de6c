import Heads
import TestSupport
import Testing

/// What tokens weigh in trained heads is what PyTorch's softmaxes and gates are: tools/reference/weights.py.
@Suite struct TokenWeightsReferenceTests {
  struct Reference: CustomTestStringConvertible, Sendable {
    let head: ReferenceHead
    let file: String
    var testDescription: String { head.name }
  }

  private static let references =
    ReferenceCase.plain.filter { $0.head.description.features.isAttentive }
    .map { Reference(head: $0.head, file: "heads") }
    + ReferenceCase.attentive.map { Reference(head: $0.head, file: "attentive") }

  @Test(arguments: references)
  func weightsArePyTorchs(reference: Reference) throws {
    let expected = try ReferenceFile("weights")
    let (group, source) = try ReferenceFile(reference.file).head(
      reference.head, state: reference.head.name + ".final.", gridHeight: 4, gridWidth: 4)
    let shape = expected[reference.head.name].shape
    var weights: [TokenWeights] = []
    try group.predict(Batch(source, rows: Array(0..<shape[0]))) { _, _ in
      weights = try (0..<shape[0]).map { try #require(group.heads[0].weights(index: $0)) }
    }
    #expect(weights.allSatisfy { $0.rows.count == shape[1] && $0.rows[0].count == shape[2] })
    let rows = Closeness(weights.flatMap { $0.rows.flatMap(\.self) }, expected[reference.head.name].floats())
    #expect(rows.maximumDifference < 1e-5, "\(rows)")
    let ownTokens = expected.tensors(of: reference.head.name + ".own")[""]
    let own = Closeness(weights.flatMap { $0.ownToken ?? [] }, ownTokens?.floats() ?? [])
    #expect(own.maximumDifference < 1e-5, "\(own)")
  }
}
