import Compute
import Files
import Foundation
import Images
import TestSupport
import Testing

/// CIFAR and STL-10 in miniature: the first records are made, and holes lengthen files to the size that they must have.
struct RecordFileTests {
  private static let classes = (0..<10).map { "class \($0)" }

  private static func sample(_ record: Int, _ channel: Int, _ y: Int, _ x: Int) -> UInt8 {
    UInt8(truncatingIfNeeded: record * 7 + channel * 50 + y * 3 + x * 5 + x * y)
  }

  private func write(_ bytes: [UInt8], to path: String, size: Int) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    try #require(truncate(path, off_t(size)) == 0)
  }

  /// Three planes of pixels, row by row or column by column.
  private func planes(_ record: Int, side: Int, byColumns: Bool = false) -> [UInt8] {
    (0..<3 * side * side).map { index in
      let (channel, place) = index.quotientAndRemainder(dividingBy: side * side)
      let (slow, fast) = place.quotientAndRemainder(dividingBy: side)
      return byColumns ? Self.sample(record, channel, fast, slow) : Self.sample(record, channel, slow, fast)
    }
  }

  private func image(_ record: Int, side: Int) -> RGBImage {
    RGBImage(
      height: side, width: side,
      pixels: (0..<side * side * 3).map { index in
        Self.sample(record, index % 3, index / 3 / side, index / 3 % side)
      })
  }

  private func cifar10(labels: [UInt8] = [3, 9, 0], names: [String] = classes) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try folder.write(Array((names.joined(separator: "\n") + "\n\n").utf8), to: "batches.meta.txt")
    for name in (1...5).map({ "data_batch_\($0).bin" }) + ["test_batch.bin"] {
      let records = labels.enumerated().flatMap { [$1] + planes($0, side: 32) }
      try write(records, to: folder.file(name), size: 30_730_000)
    }
    return folder
  }

  private func stl10() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try folder.write(Array(Self.classes.joined(separator: "\n").utf8), to: "class_names.txt")
    for (split, count) in [("train", 5000), ("test", 8000), ("unlabeled", 100_000)] {
      let records = (0..<2).flatMap { planes($0, side: 96, byColumns: true) }
      try write(records, to: folder.file(split + "_X.bin"), size: count * 27_648)
      let labels = [2, 10] + [UInt8](repeating: 1, count: count - 2)
      if split != "unlabeled" { try write(labels, to: folder.file(split + "_y.bin"), size: count) }
    }
    return folder
  }

  @Test(arguments: ["test", "val"])
  func readsCIFAR10(split: String) throws {
    let folder = try cifar10()
    let dataset = try ImageDataset(path: folder.path + "/", split: split)
    #expect(dataset.split == "test")
    #expect(dataset.classNames == Self.classes)
    #expect(dataset.description == "\(folder.path): CIFAR-10, split test, 10000 images in 10 classes")
    #expect(
      rows(dataset).prefix(4) == [
        "3 test_batch.bin/00000", "9 test_batch.bin/00001", "0 test_batch.bin/00002",
        "0 test_batch.bin/00003",
      ])
    #expect(dataset.entries.last?.id == "test_batch.bin/09999")
    for record in 0..<3 {
      #expect(try dataset.content(of: dataset.entries[record]).decoded() == image(record, side: 32))
    }
  }

  @Test func readsTheBatchesOfCIFAR10InOrderAndOnManyThreads() throws {
    let folder = try cifar10()
    let dataset = try ImageDataset(path: folder.path, split: "train")
    #expect(dataset.entries.count == 50_000)
    #expect(Set(dataset.entries.map(\.id)).count == 50_000)
    #expect(dataset.entries[40_001].id == "data_batch_5.bin/00001")
    #expect(dataset.entries[40_001].label == 9)
    try Parallel(threadCount: 4).forEach(600) { index, _ in
      let (batch, record) = (index % 5, index % 3)
      let decoded = try dataset.content(of: dataset.entries[batch * 10_000 + record]).decoded()
      #expect(decoded == image(record, side: 32))
    }
  }

  @Test func readsTheFineLabelsOfCIFAR100() throws {
    let folder = try TemporaryFolder()
    let names = (0..<100).map { "fine \($0)" }
    try folder.write(Array(names.joined(separator: "\n").utf8), to: "fine_label_names.txt")
    for (name, count) in [("train", 50_000), ("test", 10_000)] {
      let records = [19, 99] + planes(0, side: 32) + [255, 7] + planes(1, side: 32)
      try write(records, to: folder.file(name + ".bin"), size: count * 3074)
    }
    for (split, count) in [("train", 50_000), ("test", 10_000)] {
      let dataset = try ImageDataset(path: folder.path, split: split)
      #expect(dataset.description.contains("CIFAR-100, split \(split), \(count) images in 100 classes"))
      #expect(rows(dataset).prefix(2) == ["99 \(split).bin/00000", "7 \(split).bin/00001"])
      #expect(dataset.classNames == names)
      #expect(try dataset.content(of: dataset.entries[1]).decoded() == image(1, side: 32))
    }
  }

  @Test func readsSTL10ColumnByColumn() throws {
    let folder = try stl10()
    let dataset = try ImageDataset(path: folder.path, split: "val")
    #expect(dataset.split == "test")
    #expect(dataset.entries.count == 8000)
    #expect(rows(dataset).prefix(3) == ["1 test_X.bin/00000", "9 test_X.bin/00001", "0 test_X.bin/00002"])
    for record in 0..<2 {
      #expect(try dataset.content(of: dataset.entries[record]).decoded() == image(record, side: 96))
    }
    let unlabelled = try ImageDataset(path: folder.path, split: "unlabeled")
    #expect(unlabelled.classNames.isEmpty)
    #expect(rows(unlabelled).last == "-1 unlabeled_X.bin/99999")
    #expect(try unlabelled.content(of: unlabelled.entries[1]).decoded() == image(1, side: 96))
  }

  @Test(arguments: [0, 3073, 30_729_999, 30_730_001, 61_460_000])
  func refusesFilesOfOtherSizes(size: Int) throws {
    let folder = try cifar10()
    try #require(truncate(folder.file("test_batch.bin"), off_t(size)) == 0)
    #expect(
      openingError(folder.path, split: "test")
        == InputError(
          folder.file("test_batch.bin"),
          "has \(size) bytes instead of 30730000 (10000 records of 3073)", remedy: "get a whole copy of it"))
    let stl = try stl10()
    try #require(truncate(stl.file("train_y.bin"), off_t(size)) == 0)
    #expect(openingError(stl.path, split: "train")?.subject == stl.file("train_y.bin"))
  }

  @Test func refusesLabelsOfNoClass() throws {
    let folder = try cifar10(labels: [3, 10])
    #expect(
      openingError(folder.path, split: "test")
        == InputError(
          folder.file("test_batch.bin"), "holds the label 10 in record 1, outside 0 to 9",
          remedy: "get a good copy of it"))
    let stl = try stl10()
    for label: UInt8 in [0, 11] {
      try write([1, 2, label], to: stl.file("train_y.bin"), size: 5000)
      #expect(
        openingError(stl.path, split: "train")?.reason
          == "holds the label \(label) in record 2, outside 1 to 10")
    }
  }

  @Test func refusesSplitsAndNamesThatAreNotThere() throws {
    let folder = try cifar10(names: Array(Self.classes.dropLast()))
    let remedy = "choose train or test with --split"
    #expect(openingError(folder.path) == InputError(folder.path, "has several splits", remedy: remedy))
    #expect(
      openingError(folder.path, split: "extra")
        == InputError(folder.path, "has no split named \"extra\"", remedy: remedy))
    #expect(openingError(folder.path, split: "test")?.reason == "holds 9 names of classes, not 10")
    try folder.write(
      Array((Self.classes.dropLast() + ["class 0"]).joined(separator: "\n").utf8), to: "batches.meta.txt")
    #expect(openingError(folder.path, split: "test")?.reason == "holds the name \"class 0\" twice")
    try FileManager.default.removeItem(atPath: folder.file("batches.meta.txt"))
    #expect(openingError(folder.path, split: "test")?.subject == folder.file("batches.meta.txt"))
    #expect(
      openingError(folder.path, format: .cifar100, split: "test")?.subject
        == folder.file("fine_label_names.txt"))
    #expect(openingError(folder.path, split: "test", classNameFile: folder.file("test_batch.bin")) != nil)
  }
}
