import Files
import Foundation
import Images
import TestSupport
import Testing

struct ImageFolderTests {
  /// A folder with empty files of these paths.
  private func folder(_ paths: String...) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    for path in paths { try folder.write([], to: path) }
    return folder
  }

  private func link(_ folder: TemporaryFolder, _ name: String, to target: String) throws {
    try FileManager.default.createSymbolicLink(atPath: folder.file(name), withDestinationPath: target)
  }

  @Test func listsClassesAsImageFolderDoes() throws {
    let folder = try folder(
      "zebra/1.jpg", "zebra/10.JPEG", "zebra/2.png", "Ape/a.webp", "Ape/b.TIFF", "Ape/notes.txt", "Ape/.jpg",
      "älg/x.bmp",
      "ape/z.pgm", "readme.md")
    let dataset = try ImageDataset(path: folder.path)
    #expect(dataset.classNames == ["Ape", "ape", "zebra", "älg"])
    #expect(
      rows(dataset) == [
        "0 Ape/.jpg", "0 Ape/a.webp", "0 Ape/b.TIFF", "1 ape/z.pgm", "2 zebra/1.jpg", "2 zebra/10.JPEG",
        "2 zebra/2.png", "3 älg/x.bmp",
      ])
    guard case .encoded(let file, let subject) = try dataset.content(of: dataset.entries[3]) else {
      Issue.record("a file was not given as it is")
      return
    }
    #expect(subject == folder.path + "/ape/z.pgm")
    #expect(file.file.path == subject && file.count == 0)
    #expect(dataset.description == "\(folder.path): a folder of images, 8 images in 4 classes")
  }

  @Test func searchesClassesAtAnyDepthInTheOrderOfOsWalk() throws {
    // Python sorts the folders' paths as text, where "-" comes before "/" and a folder before what it holds.
    let folder = try folder(
      "c/a/b/1.jpg", "c/a-b/1.jpg", "c/a/2.jpg", "c/z.jpg", "c/.hidden/h.jpg", "c/a/b.jpg")
    #expect(
      rows(try ImageDataset(path: folder.path)) == [
        "0 c/z.jpg", "0 c/.hidden/h.jpg", "0 c/a/2.jpg", "0 c/a/b.jpg", "0 c/a-b/1.jpg", "0 c/a/b/1.jpg",
      ])
  }

  @Test func ordersNamesByCodePoints() throws {
    // U+FFxx sorts before U+1Fxxx as code points, and after it as UTF-16; e with accent before its decomposed form.
    let folder = try folder(
      "c/\u{1F600}.jpg", "c/\u{FF21}.jpg", "c/e\u{301}.jpg", "c/\u{E9}.jpg", "c/Z.jpg", "c/_.jpg")
    let names = try ImageDataset(path: folder.path).entries.map { Array($0.id.unicodeScalars) }
    let expected = ["Z", "_", "e\u{301}", "\u{E9}", "\u{FF21}", "\u{1F600}"].map {
      Array("c/\($0).jpg".unicodeScalars)
    }
    #expect(names == expected)
  }

  @Test func choosesASplit() throws {
    let folder = try folder("train/a/1.jpg", "train/b/2.jpg", "val/a/3.jpg", "val/b/4.jpg")
    let dataset = try ImageDataset(path: folder.path + "//", split: "val")
    #expect(dataset.split == "val")
    #expect(dataset.path == folder.path)
    #expect(rows(dataset) == ["0 a/3.jpg", "1 b/4.jpg"])
    #expect(throws: InputError(folder.path, "holds no split named \"test\"", remedy: "it holds train, val")) {
      try ImageDataset(path: folder.path, split: "test")
    }
    #expect(throws: InputError.self) { try ImageDataset(path: folder.path, split: "") }
    #expect(
      throws: InputError(
        folder.path, "holds splits (train, val) and no classes", remedy: "choose one of them with --split")
    ) { try ImageDataset(path: folder.path) }
  }

  @Test func takesTrainsForAClassWhereItHoldsImages() throws {
    let folder = try folder("train/1.jpg", "test/2.jpg")
    #expect(try ImageDataset(path: folder.path).classNames == ["test", "train"])
  }

  @Test func listsAFlatFolderWithoutLabels() throws {
    let folder = try folder("b.jpg", "a.png", "c.txt")
    let dataset = try ImageDataset(path: folder.path)
    #expect(dataset.classNames.isEmpty)
    #expect(rows(dataset) == ["-1 a.png", "-1 b.jpg"])
  }

  @Test func refusesWhatIsNoDataSet() throws {
    let empty = try folder()
    let endings = "images end in .jpg, .jpeg, .png, .ppm, .bmp, .pgm, .tif, .tiff, .webp"
    #expect(throws: InputError(empty.path, "holds no images and no folders", remedy: endings)) {
      try ImageDataset(path: empty.path)
    }
    #expect(throws: InputError(empty.file("none"), "cannot read the folder: No such file or directory")) {
      try ImageDataset(path: empty.file("none"))
    }
    let both = try folder("a/1.jpg", "2.jpg")
    #expect(
      throws: InputError(
        both.path, "holds images (such as 2.jpg) beside folders (such as a)",
        remedy: "keep class folders only, or images only")
    ) { try ImageDataset(path: both.path) }
    #expect(throws: InputError(both.file("2.jpg"), "is a file, not a folder of images")) {
      try ImageDataset(path: both.file("2.jpg"), format: .folder)
    }
    let emptyClass = try folder("a/1.jpg", "b/notes.txt", "c/d/notes.txt")
    #expect(
      throws: InputError(
        emptyClass.path, "holds no images in 2 of 3 class folders: b, c",
        remedy: "remove these folders; " + endings)
    ) { try ImageDataset(path: emptyClass.path) }
  }

  @Test func followsLinksButNotInCircles() throws {
    let elsewhere = try folder("deep/2.jpg")
    let folder = try folder("a/1.jpg")
    try link(folder, "a/more", to: elsewhere.path)
    try link(folder, "b", to: elsewhere.path)
    try link(folder, "a/broken.jpg", to: "/nowhere/at/all")
    #expect(
      rows(try ImageDataset(path: folder.path)) == [
        "0 a/1.jpg", "0 a/broken.jpg", "0 a/more/deep/2.jpg", "1 b/deep/2.jpg",
      ])
    try link(folder, "a/self", to: ".")
    #expect(
      throws: InputError(
        folder.file("a/self"), "is a symbolic link back to a folder around it", remedy: "remove the link")
    ) { try ImageDataset(path: folder.path) }
  }

  @Test func refusesImageNamesThatAreNotUTF8() throws {
    let folder = try folder("a/1.jpg")
    func make(_ name: String) throws {
      // A byte of Latin-1, which is no UTF-8.
      let path = Array((folder.path + "/a/caf").utf8) + [0xE9] + Array(name.utf8) + [0]
      let number = path.withUnsafeBytes {
        open($0.baseAddress!.assumingMemoryBound(to: CChar.self), O_CREAT | O_WRONLY, 0o600)
      }
      try #require(number >= 0)
      close(number)
    }
    try make(".txt")
    #expect(rows(try ImageDataset(path: folder.path)) == ["0 a/1.jpg"])
    try make(".jpg")
    #expect(
      throws: InputError(folder.file("a/caf\\xe9.jpg"), "has a name that is not UTF-8", remedy: "rename it")
    ) { try ImageDataset(path: folder.path) }
  }
}
