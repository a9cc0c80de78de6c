import Evaluation
import Files
import Reading
import TestSupport
import Testing
import TokenStore

import Maps

@Suite struct ImageTermTests {
  @Test(
    arguments: [
      ("best:3", .ranked(.best, count: 3)), ("worst:12", .ranked(.worst, count: 12)),
      ("wrong:1", .ranked(.wrong, count: 1)), ("class:cat:6", .classes(pattern: "cat", count: 6)),
      ("class:a:b:2", .classes(pattern: "a:b", count: 2)), ("class:*:4", .classes(pattern: "*", count: 4)),
      ("17", .row(17)), ("-3", .ids(pattern: "-3")), ("cat/17.jpg", .ids(pattern: "cat/17.jpg")),
      ("best", nil), ("best:", nil), ("best:0", nil), ("worst:x", nil), ("class:cat", nil), ("class::3", nil),
      ("class:cat:-1", nil), ("best:1:2", .ids(pattern: "best:1:2")), ("", .ids(pattern: "")),
      ("99999999999999999999", .ids(pattern: "99999999999999999999")),
    ] as [(String, ImageTerm?)])
  func wordsAreTerms(text: String, expected: ImageTerm?) throws {
    guard let expected else {
      #expect(throws: InputError.self) { try ImageTerm(text) }
      return
    }
    #expect(try ImageTerm(text) == expected)
  }

  @Test func manyClassesAreNotShownOneByOne() {
    #expect(ImageTerm.usual(classCount: 10).contains(.classes(pattern: "*", count: 6)))
    #expect(!ImageTerm.usual(classCount: 1000).contains { if case .classes = $0 { true } else { false } })
  }
}

@Suite struct ImageChoiceTests {
  private let caches: SampleCaches
  private let choice: ImageChoice

  /// Of the 28 images, losses fall and confidence grows with the place; every third is wrong.
  init() throws {
    caches = try SampleCaches()
    let tokens = try LabelledTokens(measuringOn: TokenCache(caches.validation))
    let outcomes = (0..<tokens.count).map { image in
      ImageOutcome(
        best: 0, confidence: Float(image) / 100, loss: Float(100 - image), isRight: image % 3 != 0)
    }
    choice = ImageChoice(tokens: tokens, outcomes: outcomes)
  }

  private func images(_ terms: String...) throws -> [[Int]] {
    try choice.sections(try terms.map { text throws(InputError) in try ImageTerm(text) }).map(\.images)
  }

  @Test func endsAreFound() throws {
    #expect(choice.tokens.count == 28)
    #expect(try images("best:3") == [[27, 26, 25]])
    #expect(try images("worst:2") == [[0, 1]])
    #expect(try images("best:1000")[0].count == 28)
  }

  @Test func mistakesGoFromTheMostConfidentToTheLeast() throws {
    #expect(try images("wrong:100") == [Array(stride(from: 27, through: 0, by: -3))])
    #expect(try images("wrong:3") == [[27, 15, 0]])
    #expect(try images("wrong:1") == [[12]])
  }

  @Test func classesAreSpreadOverTheirLosses() throws {
    let labels = choice.tokens.labels
    let dogs = labels.indices.filter { labels[$0] == 1 }
    #expect(try images("class:dog:100") == [dogs.reversed()])
    #expect(try images("class:dog:2") == [[dogs.last!, dogs.first!]])
    #expect(try images("class:*:1").count == 3)
    #expect(throws: InputError.self) { try images("class:cow:2") }
  }

  @Test func namedImagesAreShownOnceAndInOrder() throws {
    // Row 3 could not be decoded, row 5 has no label.
    #expect(try images("val/7.jpg", "0", "val/7.jpg", "6") == [[0, 4, 5]])
    #expect(try images("best:1", "val/1?.jpg")[0].count == 10)
    #expect(throws: InputError.self) { try images("5") }
    #expect(throws: InputError.self) { try images("30") }
    #expect(throws: InputError.self) { try images("train/*") }
  }

  @Test func lossesThatAreNoNumbersAreTheWorst() throws {
    var outcomes = choice.outcomes
    outcomes[9] = ImageOutcome(best: 0, confidence: .nan, loss: .nan, isRight: false)
    let sections = try ImageChoice(tokens: choice.tokens, outcomes: outcomes).sections([
      .ranked(.worst, count: 1), .ranked(.best, count: 100),
    ])
    #expect(sections[0].images == [9] && sections[1].images.last == 9)
  }
}
