import Baselines
import Files
import Testing

@Suite struct TrainingSplitTests {
  private let labels = (0..<300).map { Int32($0 % 7 == 0 ? 1 : 0) }
  private let images = (0..<300).map { Int32($0) }

  @Test func aTenthOfEachClassIsHeldOut() throws {
    let split = try TrainingSplit(labels: labels, images: images, seed: 1)
    #expect((split.learned + split.heldOut).sorted() == images && split.heldOut.count == 30)
    for label in 0..<2 as Range<Int32> {
      let all = labels.count { $0 == label }
      let heldOut = split.heldOut.count { labels[Int($0)] == label }
      #expect(abs(Double(heldOut) - 0.1 * Double(all)) < 1)
    }
  }

  @Test func theSeedDecides() throws {
    let splits = try [1, 1, 2].map { try TrainingSplit(labels: labels, images: images, seed: $0) }
    #expect(splits[0] == splits[1])
    #expect(splits[0] != splits[2])
  }

  @Test func viewsOfAnImageStayTogether() throws {
    // Three views of each image.
    let images = (0..<300).map { Int32($0 / 3) }
    let split = try TrainingSplit(labels: images.map { $0 % 2 }, images: images, seed: 1)
    let (learned, heldOut) = (Set(split.learned.map { $0 / 3 }), Set(split.heldOut.map { $0 / 3 }))
    #expect(learned.isDisjoint(with: heldOut))
    #expect(learned.count + heldOut.count == 100 && split.heldOut.count == 3 * heldOut.count)
  }

  @Test func everyClassKeepsAnImageToLearnFrom() throws {
    let split = try TrainingSplit(labels: [0, 0, 1], images: [0, 1, 2], seed: 1)
    #expect(split.heldOut.count == 1 && split.learned.contains(2))
  }

  @Test func classesOfOneImageEachCannotChoose() {
    #expect(throws: InputError.self) { try TrainingSplit(labels: [0, 1, 2], images: [0, 1, 2], seed: 1) }
  }
}
