import Files
import Foundation
import Images
import TestSupport
import Testing

struct DatasetFormatTests {
  @Test(
    arguments: [
      (["data_batch_1.bin", "batches.meta.txt"], nil, .cifar10), (["test_batch.bin"], nil, .cifar10),
      (["train.bin", "fine_label_names.txt"], nil, .cifar100), (["train.bin", "a/1.jpg"], nil, .folder),
      (["unlabeled_X.bin"], nil, .stl10), (["a/1.jpg"], nil, .folder), (["1.jpg"], nil, .folder),
      (["a.tar", "b.tar", "README.md"], nil, .webdataset), (["a.tar", ".cache/x"], nil, .webdataset),
      // What class folders were unpacked from.
      (["a.tar", "a/1.jpg"], nil, .folder), (["a.tar", "1.jpg"], nil, .folder),
      (["train/a.tar", "val/b.tar"], "val", .webdataset), (["train/a/1.jpg", "val/a/2.jpg"], "val", .folder),
      (["train-0.tar", "val-0.tar"], "val", .webdataset),
    ] as [([String], String?, DatasetFormat)])
  func tellsFoldersByWhatTheyHold(files: [String], split: String?, format: DatasetFormat) throws {
    let folder = try TemporaryFolder()
    for file in files { try folder.write([], to: file) }
    #expect(try DatasetFormat(of: folder.path, split: split) == format)
  }

  @Test func tellsFilesByNameOrContents() throws {
    let folder = try TemporaryFolder()
    for (name, format) in [
      ("list.csv", .list), ("LIST.TSV", .list), ("x.tar", .webdataset), ("x.tar.gz", .webdataset),
    ] as [(String, DatasetFormat)] {
      #expect(try DatasetFormat(of: folder.write([1], to: name)) == format)
    }
    #expect(try DatasetFormat(of: folder.file("x-{0..3}.tar")) == .webdataset)
    var tar = TarBuilder()
    tar.add("1.jpg", [])
    #expect(try DatasetFormat(of: folder.write(tar.archive, to: "archive")) == .webdataset)
    let other = try folder.write(Array("a.jpg,0\n".utf8), to: "list.txt")
    #expect(
      throws: InputError(
        other, "is neither a folder of images nor a tar archive, and is not named .csv or .tsv as a list",
        remedy: "say what it is with --data-format")
    ) { try DatasetFormat(of: other) }
    // Nothing is there: the reader of folders says so.
    #expect(try DatasetFormat(of: folder.file("none")) == .folder)
  }

  @Test func asksForImagesBeforeTheirTurnWhereverTheyLie() throws {
    let folder = try TemporaryFolder()
    var tar = TarBuilder()
    tar.add("1.jpg", [1, 2])
    try folder.write([1, 2], to: "images/a/1.jpg")
    try folder.write(tar.archive, to: "x.tar")
    try folder.write(Array("images/a/1.jpg\n".utf8), to: "list.csv")
    for name in ["images", "x.tar", "list.csv"] {
      let dataset = try ImageDataset(path: folder.file(name))
      dataset.prefetch(dataset.entries[0])
      #expect(try fileContents(dataset, 0) == [1, 2])
    }
    // A file that is gone is told of at its turn, and not before.
    let dataset = try ImageDataset(path: folder.file("images"))
    try FileManager.default.removeItem(atPath: folder.file("images/a/1.jpg"))
    dataset.prefetch(dataset.entries[0])
    #expect(throws: InputError.self) { try dataset.content(of: dataset.entries[0]) }
  }

  @Test func refusesOptionsForOtherKinds() throws {
    let folder = try TemporaryFolder()
    try folder.write([], to: "a/1.jpg")
    let names = try folder.write(Array("a\n".utf8), to: "names.txt")
    #expect(openingError(folder.path, classNameFile: names)?.subject == "--class-names")
    #expect(openingError(folder.path, imageRoot: "x")?.subject == "--image-root")
  }
}
