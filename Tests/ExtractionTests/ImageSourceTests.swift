import Compute
import Files
import Foundation
import Images
import Synchronization
import TestSupport
import Testing
import TokenStore

import Extraction

/// Caches of images that lie elsewhere than in class folders.
@Suite struct ImageSourceTests {
  /// The sample's images in an archive, in the order of its rows, with the labels from `offset` on.
  private func archive(_ sample: Sample, offset: Int32 = 0) throws -> [UInt8] {
    var tar = TarBuilder()
    let folder = try ImageDataset(path: sample.folder.file("images"), split: "train")
    for entry in folder.entries {
      tar.add(entry.id, try bytes(ofFile: sample.folder.file("images/train/" + entry.id)))
      tar.add(entry.id.prefix { $0 != "." } + ".cls", "\(entry.label + offset)".utf8)
    }
    return tar.archive
  }

  @Test func tokensDoNotDependOnWhereImagesLie() throws {
    let sample = try Sample()
    let plan = try sample.plan()
    try sample.extract(plan, to: sample.cache)
    let expected = try TokenCache(sample.cache)
    let lines = plan.dataset.entries.map { "train/\($0.id),\(plan.dataset.classNames[Int($0.label)])\n" }
    let list = try sample.folder.write(Array(lines.joined().utf8), to: "list.csv")
    let shard = try sample.folder.write(try archive(sample), to: "shard.tar")
    for (path, root, prefix) in [(list, sample.folder.file("images"), "train/"), (shard, nil, "shard.tar/")] {
      let cachePath = path + ".cache"
      let dataset = try ImageDataset(path: path, imageRoot: root)
      try sample.extract(try sample.plan(dataset: dataset), to: cachePath)
      let cache = try TokenCache(cachePath)
      #expect(cache.labels == expected.labels)
      #expect(cache.ids == expected.ids.map { prefix + $0 })
      for row in 0..<expected.rowCount {
        #expect(
          Array(cache.tokens(row: row).bytes) == Array(expected.tokens(row: row).bytes),
          "row \(row) of \(path)")
      }
    }
  }

  @Test func aStoppedRunOnPixelsGoesOnToTheSameBytes() throws {
    let sample = try Sample(imageCount: 1)
    let names = (0..<10).map { "class \($0)" }.joined(separator: "\n")
    try sample.folder.write(Array(names.utf8), to: "cifar/batches.meta.txt")
    var generator = SeededGenerator(seed: 11)
    let records = (0..<100).flatMap { record in
      [UInt8(record % 10)] + (0..<3072).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
    }
    let path = try sample.folder.write(records, to: "cifar/test_batch.bin")
    try #require(truncate(path, 30_730_000) == 0)
    let all = try ImageDataset(path: sample.folder.file("cifar"), split: "val")
    let plan = try sample.plan(dataset: all.sample(count: 13, seed: 3))
    #expect(plan.configuration.dataset.split == "test")
    try sample.extract(plan, to: sample.folder.file("whole"), threads: 1)
    try sample.extract(plan, to: sample.cache, threads: 3, stoppingAfter: 6)
    #expect(try contents(of: sample.cache) != contents(of: sample.folder.file("whole")))
    try sample.extract(plan, to: sample.cache, threads: 3)
    #expect(try contents(of: sample.cache) == contents(of: sample.folder.file("whole")))
  }

  @Test func membersThatCannotBeDecodedAreNamed() throws {
    let sample = try Sample(imageCount: 4, broken: ["cat/broken.jpg"])
    let shard = try sample.folder.write(try archive(sample), to: "shard.tar")
    let plan = try sample.plan(dataset: ImageDataset(path: shard))
    let subjects = Mutex<[String]>([])
    _ = try Extraction(plan, folder: sample.cache, parallel: Parallel(threadCount: 2)).run(
      onEvent: { if case .undecodable(_, let error) = $0 { subjects.withLock { $0.append(error.subject) } } })
    #expect(subjects.withLock { $0 } == [shard + "/cat/broken.jpg"])
    let cache = try TokenCache(sample.cache)
    #expect(
      (0..<5).filter { cache.rowStates[$0] == .undecodable }.map(cache.id) == ["shard.tar/cat/broken.jpg"])
  }

  @Test func theProgramSaysWhatItReadsAndKeepsTheChosenClasses() throws {
    let sample = try Sample(imageCount: 30)
    let shard = try sample.folder.write(try archive(sample, offset: 5), to: "shard.tar")
    let names = (0..<8).map { "class \($0)" }.joined(separator: "\n")
    let namesPath = try sample.folder.write(Array(names.utf8), to: "names.txt")
    let arguments =
      try TinyEncoder.write(to: sample.checkpoint) + [
        "--data_path", shard, "--output-dir", sample.cache, "--class-names", namesPath, "--include-classes",
        "class 7,*[5]", "--limit", "8",
      ]
    let run = try Program("extract").run(arguments)
    #expect(run.status == 0, "\(run.diagnostics)")
    #expect(run.diagnostics.contains("\(shard): a WebDataset shard, 8 of 30 images in 2 classes\n"))
    let cache = try TokenCache(sample.cache)
    #expect(cache.configuration.dataset.classNames == ["class 5", "class 7"])
    #expect(cache.labels == [0, 0, 0, 0, 1, 1, 1, 1])
    #expect(cache.ids.allSatisfy { $0.hasPrefix("shard.tar/cat/") || $0.hasPrefix("shard.tar/eel/") })
    let wrong = try Program("extract").run(arguments + ["--subset-seed", "1", "-q"])
    #expect(wrong.status == 1)
    #expect(wrong.diagnostics.contains("dataset.listing_sha256"), "\(wrong.diagnostics)")
  }
}
