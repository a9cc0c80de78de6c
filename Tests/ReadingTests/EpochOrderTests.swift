import Compute
import Files
import Heads
import TestSupport
import Testing
import TokenStore

import Reading

@Suite struct EpochOrderTests {
  private let caches: TinyCaches

  init() throws { caches = try TinyCaches() }

  /// Images of features that nobody looks at.
  private func images(_ labels: [Int32]) throws -> LabelledTokens {
    LabelledTokens(
      try FeatureMatrix(rowCount: labels.count, width: 1, folder: caches.folder.path),
      rows: Array(labels.indices), labels: labels)
  }

  @Test(arguments: Shuffle.allCases, [1, 2, 15, 16, 17, 4096, 10_000])
  func everyImageComesOnceAnEpoch(shuffle: Shuffle, count: Int) throws {
    let order = try EpochOrder(try images(Array(repeating: 0, count: count)), shuffle: shuffle, seed: 3)
    let epoch = order.epoch(0)
    #expect(order.count == count && epoch.views.sorted() == Array(0..<count))
    #expect(epoch.asked.sorted() == Array(0..<count))
    #expect(order.epoch(0).views == epoch.views)
    if count > 2 {
      #expect(order.epoch(1).views != epoch.views)
      #expect(
        try EpochOrder(try images(Array(repeating: 0, count: count)), shuffle: shuffle, seed: 4).epoch(0)
          .views
          != epoch.views)
    }
  }

  /// The order that runs had before there was another: they go on as they began.
  @Test func aFullShuffleIsAPermutation() throws {
    let order = try EpochOrder(try images(Array(repeating: 0, count: 99)), seed: 5)
    var generator = SeededGenerator(seed: 5, stream: 8)
    #expect(order.epoch(7).views == generator.permutation(99))
  }

  @Test func blocksAreReadInOneGoAndMixed() throws {
    let count = 16 * 1000 + 5
    let epoch = try EpochOrder(try images(Array(repeating: 0, count: count)), shuffle: .blocks, seed: 1)
      .epoch(2)
    // 1001 blocks, each from its first row to its last.
    let leaps = zip(epoch.asked, epoch.asked.dropFirst()).count { $1 != $0 + 1 }
    #expect(leaps <= 1000)
    #expect(zip(epoch.views, epoch.views.dropFirst()).count { $1 == $0 + 1 } < 50)
    // What is used has been asked for, if asking is ahead by the lead.
    let asked = Dictionary(uniqueKeysWithValues: epoch.asked.enumerated().map { ($1, $0) })
    #expect(epoch.views.enumerated().allSatisfy { place, view in asked[view]! <= place + epoch.lead })
  }

  @Test func blocksEndWithTheirShard() throws {
    let set = try CacheSet([
      try caches.write("a", images: 20, shardSize: 10), try caches.write("b", images: 4, prefix: "b"),
    ])
    let epoch = try EpochOrder(LabelledTokens(set), shuffle: .blocks, seed: 1).epoch(0)
    #expect(epoch.views.sorted() == Array(0..<24))
    #expect(epoch.asked == Array(0..<24))
  }

  @Test(arguments: [1, 2, 3, 5])
  func everyEpochTakesAnotherView(views: Int) throws {
    let tokens = try LabelledTokens(try caches.write("a", images: 30, views: views))
    let order = try EpochOrder(tokens, seed: 9)
    #expect(order.count == 30)
    for round in 0..<3 {
      var seen: [Set<Int>] = Array(repeating: [], count: 30)
      for epoch in 0..<views {
        let chosen = order.epoch(round * views + epoch).views
        #expect(Set(chosen.map { $0 / views }).count == 30)
        for view in chosen { seen[view / views].insert(view % views) }
      }
      #expect(seen.allSatisfy { $0.count == views })
    }
    // Not all images take the same view.
    if views > 1 { #expect(Set(order.epoch(0).views.map { $0 % views }).count > 1) }
    let all = try EpochOrder(tokens, usesAllViews: true, seed: 9)
    #expect(all.count == 30 * views && all.epoch(0).views.sorted() == Array(0..<30 * views))
  }

  @Test(arguments: Shuffle.allCases) func classesComeEquallyOften(shuffle: Shuffle) throws {
    // 70 of class 0, 25 of class 1, 5 of class 4; none of 2 and 3.
    let labels = (0..<100).map { Int32($0 < 70 ? 0 : $0 < 95 ? 1 : 4) }
    let order = try EpochOrder(try images(labels), shuffle: shuffle, isBalanced: true, seed: 2)
    var uses = [Int](repeating: 0, count: 100)
    for number in 0..<30 {
      let epoch = order.epoch(number).views
      #expect(epoch.count == 100)
      let counts = Dictionary(grouping: epoch) { labels[$0] }.mapValues(\.count)
      #expect(counts.values.sorted() == [33, 33, 34] && counts.count == 3)
      let repeated = Dictionary(grouping: epoch) { $0 }.mapValues(\.count)
      // 33 or 34 of 70: none twice. Of 25: each once or twice. Of 5: each six times or seven.
      #expect(
        repeated.allSatisfy { image, uses in
          switch labels[image] {
          case 0: uses == 1
          case 1: (1...2).contains(uses)
          default: (6...7).contains(uses)
          }
        })
      for view in epoch { uses[view] += 1 }
    }
    // Over the epochs each image has its turn.
    #expect(uses.allSatisfy { $0 > 0 })
    #expect(order.epoch(3).views == order.epoch(3).views && order.epoch(3).views != order.epoch(4).views)
  }

  @Test func balancedClassesTakeOneViewOrAll() throws {
    let tokens = try LabelledTokens(
      try caches.write("a", images: 10, views: 3, labels: [0, 0, 0, 0, 0, 0, 0, 0, 1, 1]))
    let one = try EpochOrder(tokens, isBalanced: true, seed: 0).epoch(1).views
    #expect(one.count == 10 && one.count { tokens.labels[$0] == 1 } == 5)
    let all = try EpochOrder(tokens, usesAllViews: true, isBalanced: true, seed: 0).epoch(1).views
    #expect(all.count == 30 && all.count { tokens.labels[$0] == 1 } == 15)
  }
}
