import Evaluation
import Files
import TestSupport
import Testing
import TokenStore

import Reading

@Suite struct LabelFileTests {
  private let caches: TinyCaches
  private let set: CacheSet

  init() throws {
    caches = try TinyCaches()
    set = try CacheSet([try caches.write("a", images: 6, undecodable: [4])])
  }

  private func tokens(_ text: String, name: String = "labels.csv") throws -> LabelledTokens {
    let path = try caches.write(text, to: name)
    return try LabelledTokens(set, labels: LabelFile(path, cacheClasses: TinyCaches.classNames))
  }

  struct Good: Sendable {
    let text: String
    var name = "labels.csv"
    var rows = [0, 1]
    let labels: [Int32]
    var classNames = TinyCaches.classNames
  }

  static let good = [
    Good(text: "0.jpg,cat\n1.jpg,ant\n", labels: [2, 0]),
    Good(text: "id,label\n1.jpg,1\n0.jpg,2", labels: [2, 1]),
    Good(text: "\u{FEFF}0.jpg\tbee\r\n1.jpg\tbee\r\n", name: "labels.tsv", labels: [1, 1]),
    Good(text: "0.jpg\tbee\n1.jpg\tant\n", name: "labels.txt", labels: [1, 0]),
    Good(text: "0.jpg,dog\n1.jpg,cat\n", labels: [1, 0], classNames: ["cat", "dog"]),
    Good(text: "0.jpg,4\n1.jpg,0\n", labels: [4, 0], classNames: ["0", "1", "2", "3", "4"]),
    // The undecodable image, one without a line, one without a label, one that is not in the cache.
    Good(text: "4.jpg,ant\n3.jpg,-1\nelsewhere.jpg,bee\n5.jpg,cat\n", rows: [5], labels: [2]),
    Good(text: "\"0.jpg\",\"b,\"\"ee\"\n1.jpg,ant\n", labels: [1, 0], classNames: ["ant", "b,\"ee"]),
    // Two names that Unicode calls equivalent.
    Good(
      text: "0.jpg,e\u{301}\n1.jpg,\u{E9}\n", labels: [0, 1], classNames: ["e\u{301}", "\u{E9}"]),
  ]

  @Test(arguments: good.indices) func filesOverrideTheCachesLabels(index: Int) throws {
    let good = Self.good[index]
    let tokens = try tokens(good.text, name: good.name)
    #expect(tokens.rows == good.rows)
    #expect(tokens.labels == good.labels)
    #expect(tokens.classNames.map { Array($0.utf8) } == good.classNames.map { Array($0.utf8) })
    #expect(tokens.skippedRowCount == 6 - good.rows.count)
  }

  @Test func imagesCanHaveSeveralLabels() throws {
    for text in ["0.jpg,cat;ant\n1.jpg,bee\n2.jpg,\n", "id,labels\n0.jpg,2;0\n1.jpg,1\n2.jpg,\n3.jpg,-1\n"] {
      let tokens = try tokens(text)
      guard case .several(let sets) = tokens.targets else {
        Issue.record("the labels are single ones")
        return
      }
      #expect(tokens.rows == [0, 1, 2])
      #expect(sets == LabelSets([[0, 2], [1], []]))
      #expect(Array(sets[0]) == [0, 2] && sets[2].isEmpty)
      #expect(throws: InputError.self) { try tokens.sampled(shots: 1, seed: 0) }
      #expect(throws: InputError.self) { try EpochOrder(tokens, isBalanced: true, seed: 0) }
      #expect(tokens.sampled(fraction: 0.5, seed: 0).targets.count == 2)
    }
  }

  static let bad: [(text: String, line: Int?, reason: String)] = [
    ("", nil, "lists no images"),
    ("id,label\n", nil, "lists no images"),
    ("0.jpg,ant\n1.jpg\n", 2, "has 1 fields"),
    ("filename,label\n0.jpg,ant\n", 1, "not id"),
    ("0.jpg,ant,bee\n", 1, "has 3 fields"),
    ("0.jpg,ant\n0.jpg,ant\n", 2, "lists 0.jpg a second time, after line 1"),
    ("0.jpg,ant\n1.jpg,\n", 2, "has no label"),
    ("0.jpg,ant;;bee\n", 1, "has an empty label"),
    ("0.jpg,ant;ant\n", 1, "has the label ant twice"),
    ("0.jpg,ant;-1\n", 1, "has the label \"-1\" beside others"),
    ("0.jpg, ant\n", 1, "has white space around the label"),
    ("0.jpg,dog\n1.jpg,7\n", 2, "has the label 7, a number, where others are names"),
    ("0.jpg,99999999\n", 1, "has the label 99999999"),
    ("0.jpg,-1\n", nil, "gives no image a label"),
    (",ant\n", 1, "has no id"),
    ("0.jpg,\"ant\n", 2, "ends within quotes"),
    ("elsewhere.jpg,ant\n", nil, "lists none of the images"),
    ("\u{0}\u{1}\u{2}", 1, "has 1 fields"),
  ]

  @Test(arguments: bad.indices) func malformedLinesAreNamed(index: Int) throws {
    let (text, line, reason) = Self.bad[index]
    let error = try #require(throws: InputError.self) { try tokens(text) }
    #expect(
      error.subject == caches.folder.file("labels.csv") + (line.map { ", line \($0)" } ?? ""), "\(error)")
    #expect(error.reason.contains(reason), "\(error)")
  }

  @Test func textThatIsNotUTF8IsRefused() throws {
    let path = try caches.folder.write([0x30, 0x2C, 0xFF, 0xFE, 0x0A], to: "labels.csv")
    let error = try #require(throws: InputError.self) { try LabelFile(path, cacheClasses: []) }
    #expect(error.reason == "is not UTF-8")
  }

  @Test func aHeadsClassesAreFixed() throws {
    let names = ["ant", "bee"]
    for (text, reason) in [("0.jpg,cow\n", "which is no class of the head"), ("0.jpg,2\n", "the label 2")] {
      let path = try caches.write(text, to: "labels.csv")
      let error = try #require(throws: InputError.self) {
        try LabelFile(path, cacheClasses: names, areFixed: true)
      }
      #expect(error.reason.contains(reason) && error.subject.hasSuffix("line 1"), "\(error)")
    }
    let path = try caches.write("0.jpg,bee\n", to: "labels.csv")
    #expect(try LabelFile(path, cacheClasses: names, areFixed: true).classNames == names)
  }

  @Test func allViewsOfAnImageHaveItsLabel() throws {
    let views = try CacheSet([try caches.write("views", images: 3, views: 2)])
    let path = try caches.write("2.jpg,ant\n0.jpg,cat\n", to: "labels.csv")
    let tokens = try LabelledTokens(views, labels: LabelFile(path, cacheClasses: TinyCaches.classNames))
    #expect(tokens.rows == [0, 1, 4, 5] && tokens.labels == [2, 2, 0, 0] && tokens.imageCount == 2)
  }
}
