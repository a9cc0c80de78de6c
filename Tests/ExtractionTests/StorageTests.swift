import Compute
import Files
import Foundation
import Images
import Synchronization
import TestSupport
import Testing
import TokenStore

import Extraction

/// What can be stored of an image: any blocks, no tokens, tokens in 8 bits.
@Suite struct StorageTests {
  /// What the encoder computes for each image of a plan, `[T, D]` for each block.
  private func encode(_ plan: ExtractionPlan, blocks: [Int]) throws -> [[[Float]]] {
    let workspace = plan.encoder.makeWorkspace()
    let preprocessor = Preprocessor(plan.preprocessing)
    let pixels = SharedBuffer<Float>(count: plan.preprocessing.valueCount)
    return try plan.dataset.entries.map { entry in
      preprocessor.apply(try plan.dataset.content(of: entry).decoded(), into: pixels.pointer)
      let output = plan.encoder.encode(pixels: pixels.pointer, blocks: blocks, workspace: workspace)
      return output.tokens.map(\.array)
    }
  }

  @Test func anyBlocksAreStored() throws {
    let sample = try Sample(imageCount: 7)
    let plan = try sample.plan(.float32, blocks: .all)
    try sample.extract(plan, to: sample.cache)
    let cache = try TokenCache(sample.cache)
    #expect(cache.configuration.blocks == [0, 1])
    for (row, blocks) in try encode(plan, blocks: [0, 1]).enumerated() {
      for block in 0..<2 {
        #expect(Array(cache.tokens(row: row, block: block).bytes.bindMemory(to: Float.self)) == blocks[block])
      }
      #expect(Array(cache.tokens(row: row).bytes.bindMemory(to: Float.self)) == blocks[1])
    }
  }

  @Test func statisticsAloneAreThoseOfACacheWithTokens() throws {
    let sample = try Sample(imageCount: 7)
    try sample.extract(try sample.plan(), to: sample.cache)
    let other = sample.folder.file("statistics")
    try sample.extract(try sample.plan(blocks: .none), to: other)
    let (whole, statistics) = (try TokenCache(sample.cache), try TokenCache(other))
    #expect(!statistics.hasTokens)
    for row in 0..<7 {
      #expect(Array(statistics.attentionStatistics(row: row)) == Array(whole.attentionStatistics(row: row)))
      #expect(
        statistics.classAttention(row: row).map { Array($0) }
          == whole.classAttention(row: row).map { Array($0) })
    }
    let name = "attention-stats.json"
    #expect(try contents(of: other)[name] == contents(of: sample.cache)[name])
  }

  // MARK: - 8 bits

  @Test func tokensIn8BitsAreCloseToTheEncoders() throws {
    let sample = try Sample()
    let plan = try sample.plan(.int8, blocks: .all)
      .calibrated(for: sample.cache, parallel: Parallel(threadCount: 2))
    try sample.extract(plan, to: sample.cache)
    let cache = try TokenCache(sample.cache)
    #expect(try CacheVerifier.verify(sample.cache).isGood)
    let widened = SharedBuffer<Float>(count: cache.tokenCount * cache.width)
    for (row, blocks) in try encode(plan, blocks: [0, 1]).enumerated() {
      for block in 0..<2 {
        cache.tokens(row: row, block: block).decode(into: widened.pointer)
        // 127 steps on each side of zero, most values within a third of them: about 1/127 of a typical value.
        let closeness = Closeness(widened.array, blocks[block])
        #expect(closeness.relativeError < 0.012, "\(closeness)")
      }
    }
  }

  /// The scales are the 3/4th powers of the channels' root mean squares: over all images here, as there are few.
  @Test func scalesComeFromTheImages() throws {
    let sample = try Sample(broken: ["cat/broken.jpg"])
    let plan = try sample.plan(.int8, blocks: .all)
    let scales = try #require(
      try plan.calibrated(for: sample.cache, parallel: Parallel(threadCount: 2))
        .configuration.precision.channelScales)
    let good = try Sample()
    let images = try encode(try good.plan(), blocks: [0, 1])
    for block in 0..<2 {
      var sums = [Double](repeating: 0, count: TinyEncoder.width)
      for image in images {
        for (index, value) in image[block].enumerated() {
          sums[index % TinyEncoder.width] += Double(value) * Double(value)
        }
      }
      for (channel, sum) in sums.enumerated() {
        let expected = pow(sum / Double(14 * 17), 0.375)
        #expect(abs(Double(scales[block][channel]) / expected - 1) < 1e-6)
      }
    }
  }

  @Test(arguments: [1, 3, 8])
  func bytesDoNotDependOnThreads(threads: Int) throws {
    let sample = try Sample(imageCount: 100, broken: ["dog/broken.jpg"])
    let plan = try sample.plan(.int8, shardSize: 40)
    for (folder, threads) in [(sample.cache, 2), (sample.folder.file("other"), threads)] {
      let parallel = Parallel(threadCount: threads)
      try sample.extract(plan.calibrated(for: folder, parallel: parallel), to: folder, threads: threads)
    }
    #expect(try contents(of: sample.cache) == contents(of: sample.folder.file("other")))
  }

  @Test(arguments: [0, 4, 7])
  func aStoppedRunTakesTheScalesThatItFinds(limit: Int) throws {
    let sample = try Sample()
    let parallel = Parallel(threadCount: 2)
    let plan = try sample.plan(.int8)
    try sample.extract(plan.calibrated(for: sample.cache, parallel: parallel), to: sample.cache)
    let other = sample.folder.file("other")
    let first = try plan.calibrated(for: other, parallel: parallel)
    try sample.extract(first, to: other, stoppingAfter: limit)
    let second = try plan.calibrated(
      for: other, parallel: parallel,
      onStart: { _ in Issue.record("images are encoded for the scales again") },
      onImage: { Issue.record("an image is encoded for the scales again") })
    #expect(second.configuration == first.configuration)
    try sample.extract(second, to: other)
    #expect(try contents(of: sample.cache) == contents(of: other))
  }

  /// A process whose processor rounds otherwise has settled on its scales while this one measured.
  @Test func scalesOfAnotherProcessAreTaken() throws {
    let sample = try Sample(imageCount: 6)
    let other = sample.folder.file("other")
    let parallel = Parallel(threadCount: 1)
    let plan = try sample.plan(.int8)
    try sample.extract(plan.calibrated(for: other, parallel: parallel), to: other)
    var manifest = try CacheManifest.read(other)
    manifest.configuration.precision.channelScales![0][7] *= 1.0001
    let text = try manifest.encoded()
    let calibrated = try plan.calibrated(
      for: sample.cache, parallel: parallel,
      onImage: { try sample.folder.write(text.utf8, to: "cache/manifest.json") })
    #expect(calibrated.configuration == manifest.configuration)
  }

  @Test func calibrationCanBeStoppedAndLeavesNothing() throws {
    struct Stop: Error {}
    let sample = try Sample()
    let count = Atomic(0)
    #expect(throws: Stop.self) {
      try sample.plan(.int8).calibrated(
        for: sample.cache, parallel: Parallel(threadCount: 2),
        onImage: { if count.add(1, ordering: .relaxed).newValue > 3 { throw Stop() } })
    }
    #expect(!FileManager.default.fileExists(atPath: sample.cache))
  }

  @Test func otherTypesNeedNoCalibration() throws {
    let sample = try Sample(imageCount: 3)
    let plan = try sample.plan(.bfloat16)
    let same = try plan.calibrated(
      for: sample.cache, parallel: Parallel(threadCount: 1), onImage: { Issue.record("an image is encoded") })
    #expect(same.configuration == plan.configuration)
  }

  @Test func aCacheOfOtherSettingsIsRefusedBeforeAnythingIsEncoded() throws {
    let sample = try Sample(imageCount: 6)
    try sample.extract(try sample.plan(), to: sample.cache)
    let before = try contents(of: sample.cache)
    let error = try #require(throws: InputError.self) {
      try sample.plan(.int8).calibrated(
        for: sample.cache, parallel: Parallel(threadCount: 1),
        onImage: { Issue.record("an image is encoded") })
    }
    #expect(error.description.contains("precision.tokens is 'int8', not 'float16'"), "\(error)")
    #expect(!error.description.contains("channel_scales"))
    let calibrated = try sample.plan(.int8).calibrated(
      for: sample.folder.file("other"), parallel: Parallel(threadCount: 1))
    let later = try #require(throws: InputError.self) { try sample.extract(calibrated, to: sample.cache) }
    #expect(later.reason == error.reason)
    #expect(try contents(of: sample.cache) == before)
  }

  @Test func imagesThatCannotBeDecodedHaveNoScales() throws {
    let sample = try Sample(imageCount: 0, broken: ["cat/a.jpg", "dog/b.jpg"])
    let error = try #require(throws: InputError.self) {
      try sample.plan(.int8).calibrated(for: sample.cache, parallel: Parallel(threadCount: 1))
    }
    #expect(error.reason.contains("none of the 2 images") && error.reason.contains("WebP"), "\(error)")
    let strict = try Sample(imageCount: 3, broken: ["cat/a.jpg"])
    let first = try #require(throws: InputError.self) {
      try strict.plan(.int8, isStrict: true).calibrated(for: strict.cache, parallel: Parallel(threadCount: 1))
    }
    #expect(first.subject.hasSuffix("cat/a.jpg"))
  }
}
