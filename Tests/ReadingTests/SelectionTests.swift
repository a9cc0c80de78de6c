import Compute
import Files
import Foundation
import TestSupport
import Testing
import TokenStore

import Reading

@Suite struct SelectionTests {
  private let caches: TinyCaches

  init() throws { caches = try TinyCaches() }

  private func counts(_ tokens: LabelledTokens) -> [Int32: Int] {
    Dictionary(grouping: tokens.labels) { $0 }.mapValues(\.count)
  }

  @Test func viewsAreGroupedByImage() throws {
    let cache = try caches.write(
      "a", images: 6, views: 3, labels: [0, 1, -1, 2, 0, 1], undecodable: [4])
    let all = try LabelledTokens(cache)
    #expect(all.count == 12 && all.imageCount == 4 && all.skippedRowCount == 6)
    #expect((0..<4).map { all.views(ofImage: $0) } == [0..<3, 3..<6, 6..<9, 9..<12])
    #expect(all.rows == [0, 1, 2, 3, 4, 5, 9, 10, 11, 15, 16, 17])
    let measured = try LabelledTokens(measuringOn: cache)
    #expect(measured.rows == [0, 3, 9, 15] && measured.skippedRowCount == 2)
    let random = try caches.write("random", images: 3, views: 2) { $0.augmentation.hasCenterView = false }
    let error = try #require(throws: InputError.self) { try LabelledTokens(measuringOn: random) }
    #expect(error.remedy?.contains("--center-view") == true)
  }

  @Test func viewsOfAnImageThatLieApartAreRefused() throws {
    let cache = try caches.write("a", images: 3, views: 2, order: [0, 2, 1, 3, 4, 5])
    let error = try #require(throws: InputError.self) { try LabelledTokens(cache) }
    #expect(error.reason.contains("apart"))
  }

  @Test func sharesAreEvenOverClassesAndNested() throws {
    // 24 of class 0, 12 of class 1, 6 of class 2.
    let labels = (0..<42).map { Int32($0 < 24 ? 0 : $0 < 36 ? 1 : 2) }
    let all = try LabelledTokens(try caches.write("a", images: 42, views: 2, labels: labels))
    let half = all.sampled(fraction: 0.5, seed: 1)
    #expect(counts(half) == [0: 24, 1: 12, 2: 6] && half.imageCount == 21)
    let sixth = all.sampled(fraction: 1 / 6, seed: 1)
    #expect(Set(sixth.rows).isSubset(of: half.rows) && sixth.imageCount == 7)
    #expect(all.sampled(fraction: 0.5, seed: 1).rows == half.rows)
    #expect(all.sampled(fraction: 0.5, seed: 2).rows != half.rows)
    #expect(all.sampled(fraction: 1, seed: 2).rows == all.rows)
    #expect(all.sampled(fraction: 0, seed: 2).imageCount == 1)

    let shots = try all.sampled(shots: 4, seed: 1)
    #expect(counts(shots) == [0: 8, 1: 8, 2: 8])
    #expect(Set(try all.sampled(shots: 2, seed: 1).rows).isSubset(of: shots.rows))
    let error = try #require(throws: InputError.self) { try all.sampled(shots: 7, seed: 1) }
    #expect(error.reason.contains("cat has only 6 images"), "\(error)")
  }

  @Test(arguments: [0.05, 0.25, 0.5, 0.9], [0, 7] as [UInt64])
  func imagesAreHeldOutWithAllTheirViews(fraction: Double, seed: UInt64) throws {
    let labels = (0..<40).map { Int32($0 < 24 ? 0 : $0 < 39 ? 1 : 2) }
    let all = try LabelledTokens(try caches.write("a", images: 40, views: 3, labels: labels))
    let (training, held) = try all.holdOut(fraction: fraction, seed: seed)
    #expect(training.imageCount + held.imageCount == 40)
    #expect(held.imageCount == held.count)
    let images = { (tokens: LabelledTokens) in Set(tokens.rows.map { $0 / 3 }) }
    #expect(images(training).isDisjoint(with: images(held)))
    #expect(held.rows.allSatisfy { $0 % 3 == 0 })
    // No class gives its last image; the others give their shares.
    #expect(Set(training.labels) == [0, 1, 2])
    #expect(abs(Double(counts(held)[0] ?? 0) - 24 * fraction) <= 1.5)
    #expect(abs(Double(counts(held)[1] ?? 0) - 15 * fraction) <= 1.5)
    #expect(try all.holdOut(fraction: fraction, seed: seed).heldOut.rows == held.rows)
  }

  @Test func classesOfOneImageHaveNoneToHoldOut() throws {
    let all = try LabelledTokens(try caches.write("a", images: 3))
    #expect(throws: InputError.self) { try all.holdOut(fraction: 0.5, seed: 0) }
  }

  @Test func selectionsAreRecordedAndRead() throws {
    let selection = DataSelection(block: 0, shots: 3, subsetSeed: 4, shuffle: .blocks, isBalanced: true)
    let text = try CanonicalJSON.text(selection)
    #expect(try CanonicalJSON.decode(DataSelection.self, from: text.utf8, subject: "") == selection)
    let cache = try caches.write("a", images: 9) { $0.blocks = [0, 2] }
    let file = try caches.write(
      (0..<9).map { "\($0).jpg,\($0 < 6 ? "x" : "y")\n" }.joined(), to: "labels.csv")
    let data = try TrainingData(
      DataSources(train: [cache.path], validation: [cache.path], labelFile: file), selection)
    #expect(data.training.count == 6 && data.validation.count == 9)
    #expect(data.layout.classNames == ["x", "y"] && data.trainingCaches.block == 0)
    #expect(data.selection.labels?.sha256 == (try SHA256.hexadecimal(ofFile: file)))
  }

  // MARK: - The same images in other caches

  @Test func rowsOfOtherCachesAreFoundByIdAndView() throws {
    let own = try LabelledTokens(try caches.write("a", images: 5, views: 2, labels: [0, 1, -1, 2, 0]))
    let other = try CacheSet([
      try caches.write("b", images: 5, views: 2, number: 3, order: [8, 9, 4, 5, 6, 7, 0, 1, 2, 3]) {
        $0.checkpoint.sha256 = String(repeating: "d", count: 64)
        $0.model.headCount = 3
      }
    ])
    let matched = try MatchedRows(own, in: other)
    for row in own.rows { #expect(told(other.tokens(row: matched.row(row))) == [3, row / 2, row % 2, 2]) }
    let borrowed = try BorrowedAttention(own, from: other)
    let expected = try #require(other.classAttention(row: 7))
    let found = try #require(borrowed.classAttention(row: 1))
    #expect(found.elementsEqual(expected) && found.count == 3 * 6 * 2)
    #expect(told(borrowed.tokens(row: 1)) == [0, 0, 1, 2])
  }

  /// A cache without tokens has attention to lend.
  @Test func statisticsAreEnoughToBorrowFrom() throws {
    let own = try LabelledTokens(try caches.write("a", images: 3))
    let other = try CacheSet(attentionOf: [try caches.write("b", images: 3) { $0.blocks = [] }])
    #expect(try BorrowedAttention(own, from: other).classAttention(row: 2)?.count == 2 * 6 * 2)
  }

  @Test func cachesOfOtherImagesAreNoMatch() throws {
    let own = try LabelledTokens(try caches.write("a", images: 4))
    func error(_ name: String, _ other: TokenCache) throws -> InputError {
      try #require(throws: InputError.self, "\(name)") { try BorrowedAttention(own, from: CacheSet([other])) }
    }
    let fewer = try error("fewer", try caches.write("fewer", images: 3))
    #expect(fewer.reason.contains("no tokens of view 0 of 3.jpg"), "\(fewer)")
    let broken = try error("undecodable", try caches.write("undecodable", images: 4, undecodable: [1]))
    #expect(broken.reason.contains("no tokens of view 0 of 1.jpg"), "\(broken)")
    let twice = try CacheSet([try caches.write("b", images: 4), try caches.write("c", images: 4)])
    #expect(throws: InputError.self) { try MatchedRows(own, in: twice) }
    let views = try error("views", try caches.write("views", images: 4, views: 2))
    #expect(views.reason.contains("other views"), "\(views)")
    let grid = try error(
      "grid",
      try caches.write("grid", images: 4) {
        ($0.model.gridHeight, $0.model.gridWidth) = (3, 2)
        ($0.model.imageHeight, $0.model.imageWidth) = (6, 4)
      })
    #expect(grid.reason.contains("3 x 2 patches"), "\(grid)")
    let crop = try error("crop", try caches.write("crop", images: 4) { $0.preprocessing.resize = 12 })
    #expect(crop.reason.contains("another part"), "\(crop)")
    let headless = try error(
      "headless",
      try caches.write("headless", images: 4) {
        ($0.model.hasClassToken, $0.model.prefixTokenCount) = (false, 0)
      })
    #expect(headless.reason.contains("no attention from [cls]"), "\(headless)")
  }
}
