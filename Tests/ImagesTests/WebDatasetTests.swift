import Compute
import Files
import Foundation
import Images
import TestSupport
import Testing

struct WebDatasetTests {
  private func archive(_ members: [(String, String)]) -> [UInt8] {
    var tar = TarBuilder()
    for (name, text) in members { tar.add(name, text.utf8) }
    return tar.archive
  }

  private func shard(_ bytes: [UInt8], _ name: String = "shard.tar") throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try folder.write(bytes, to: name)
    return folder
  }

  @Test func putsMembersTogetherToSamples() throws {
    let folder = try shard(
      archive([
        ("__meta__/info.json", "{"), ("README", "no dot"), ("README.md", "no image"),
        (".hidden.jpg", "no key"),
        ("./a/0001.jpg", "first"), ("./a/0001.cls", "7\n"), ("./a/0001.seg.png", "mask"),
        ("a/0002.cls", " 0 "),
        ("a/0002.JPEG", "second"), ("b/0001.json", #"{"label": 3, "text": [1]}"#), ("b/0001.png", "third"),
        ("b/x.y.jpg", "fourth"), ("b/x.jpg", "fifth"), ("b/x.cls", "-1"), ("b/x.json", "not JSON"),
      ]))
    let dataset = try ImageDataset(path: folder.file("shard.tar"))
    #expect(
      rows(dataset) == [
        "7 shard.tar/a/0001.jpg", "0 shard.tar/a/0002.JPEG", "3 shard.tar/b/0001.png", "-1 shard.tar/b/x.jpg",
      ])
    for (row, text) in ["first", "second", "third", "fifth"].enumerated() {
      #expect(try fileContents(dataset, row) == Array(text.utf8))
    }
    #expect(dataset.classNames == (0...7).map(String.init))
    #expect(dataset.description == "\(folder.file("shard.tar")): a WebDataset shard, 4 images in 8 classes")
  }

  @Test func takesSamplesWithoutLabels() throws {
    let folder = try shard(
      archive([("1.jpg", ""), ("1.json", "{\"text\": 5}"), ("2.jpg", ""), ("2.txt", "")]))
    let dataset = try ImageDataset(path: folder.file("shard.tar"))
    #expect(rows(dataset) == ["-1 shard.tar/1.jpg", "-1 shard.tar/2.jpg"])
    #expect(dataset.classNames.isEmpty)
  }

  @Test func passesOverLinksThatAreNoImagesOrLabels() throws {
    var tar = TarBuilder()
    tar.add("1.jpg", [])
    for name in ["1.txt", "LICENSE", "README.md"] { tar.add(name, [], type: "2") }
    let folder = try shard(tar.archive)
    #expect(rows(try ImageDataset(path: folder.file("shard.tar"))) == ["-1 shard.tar/1.jpg"])
    tar.add("2.cls", [], type: "1")
    try folder.write(tar.archive, to: "shard.tar")
    #expect(openingError(folder.file("shard.tar"))?.reason == "holds 2.cls as a link")
  }

  @Test func namesThatAreEquivalentInUnicodeAreDifferentSamples() throws {
    let folder = try shard(
      archive([("\u{E9}.jpg", "a"), ("\u{E9}.cls", "0"), ("e\u{301}.jpg", "b"), ("e\u{301}.cls", "1")]))
    let dataset = try ImageDataset(path: folder.file("shard.tar"))
    #expect(dataset.entries.map(\.label) == [0, 1])
    #expect(try fileContents(dataset, 1) == Array("b".utf8))
  }

  @Test func refusesJSONWithoutEnd() throws {
    let size = (16 << 20) + 1
    var tar = TarBuilder()
    tar.add("1.jpg", [])
    tar.append(TarBuilder.header("1.json", size: Self.octal(size)))
    let folder = try shard(tar.archive)
    let path = folder.file("shard.tar")
    // Zeros, and behind them those that end the archive.
    try #require(truncate(path, off_t(tar.bytes.count + size + 4096)) == 0)
    #expect(
      openingError(path)
        == InputError(path, "1.json has \(size) bytes, and a sample's json at most \(16 << 20)"))
  }

  @Test func takesFoldersForClassesWhereNothingElseLabels() throws {
    let names = ["data/train/cat/1.jpg", "data/train/ant/1.jpg", "data/train/cat/2.png", "eel/x/1.jpg"]
    let folder = try shard(archive(names.map { ($0, $0) }))
    let dataset = try ImageDataset(path: folder.file("shard.tar"))
    #expect(dataset.classNames == ["ant", "cat", "x"])
    #expect(rows(dataset) == zip([1, 0, 1, 2], names).map { "\($0) shard.tar/\($1)" })
    #expect(dataset.description.contains("class folders in an archive, 4 images in 3 classes"))
    #expect(try fileContents(dataset, 2) == Array(names[2].utf8))
    let order = try folder.write(Array("x\ncat\nant\n".utf8), to: "names.txt")
    let combining = try shard(archive([("cat/\u{301}1.jpg", ""), ("./dog//./2.jpg", "")]))
    let dogs = try ImageDataset(path: combining.file("shard.tar"))
    #expect(dogs.classNames == ["cat", "dog"])
    #expect(dogs.entries.last?.id == "shard.tar/dog/2.jpg")
    let oddlyNamed = try folder.write(archive([("1.jpg", "")]), to: "\u{301}x.tar")
    #expect(rows(try ImageDataset(path: oddlyNamed)) == ["-1 \u{301}x.tar/1.jpg"])
    #expect(
      try ImageDataset(path: folder.file("shard.tar"), classNameFile: order).entries.map(\.label) == [
        1, 2, 1, 0,
      ])
    try folder.write(archive([("train/cat/1.jpg", ""), ("val/cat/1.jpg", "")]), to: "shard.tar")
    #expect(
      openingError(folder.file("shard.tar"))?.reason == "holds class folders of several splits (train, val)")
    // One image without a folder, or one label: then folders are not classes.
    try folder.write(archive([("cat/1.jpg", ""), ("1.jpg", "")]), to: "shard.tar")
    #expect(rows(try ImageDataset(path: folder.file("shard.tar"))).first == "-1 shard.tar/cat/1.jpg")
    try folder.write(archive([("cat/1.jpg", ""), ("cat/1.cls", "4")]), to: "shard.tar")
    #expect(rows(try ImageDataset(path: folder.file("shard.tar"))) == ["4 shard.tar/cat/1.jpg"])
  }

  @Test(arguments: ["v7", "ustar", "prefix", "GNU", "GNU long", "pax", "base 256"])
  func readsEveryDialect(name: String) throws {
    let long = String(repeating: "folder/", count: 30) + "ä.jpg"
    var path = "a/1.jpg"
    var tar = TarBuilder()
    switch name {
    case "v7":
      tar.add("a/", [], type: "\0", dialect: .v7)
      tar.add(path, [5, 6], type: "\0", dialect: .v7)
    case "ustar":
      tar.add("a/", [], type: "5")
      tar.add(path, [5, 6])
    case "prefix":
      tar.add("1.jpg", [5, 6], prefix: "long/way")
      path = "long/way/1.jpg"
    case "GNU": tar.add(path, [5, 6], dialect: .gnu)
    case "GNU long":
      tar.add("backup", [], type: "V", dialect: .gnu)
      tar.add("././@LongLink", Array("elsewhere".utf8) + [0], type: "K", dialect: .gnu)
      tar.add("././@LongLink", Array(long.utf8) + [0], type: "L", dialect: .gnu)
      tar.add(String(long.prefix(100)), [5, 6], dialect: .gnu)
      path = long
    case "pax":
      tar.add("pax_global_header", TarBuilder.paxRecord("comment", "0123"), type: "g")
      let records = [("mtime", "1.5"), ("path", "./" + long), ("size", "2")]
      tar.add("PaxHeaders/1", records.flatMap { TarBuilder.paxRecord($0, $1) }, type: "x")
      tar.add("short", [5, 6], claimedSize: TarBuilder.octal(0, digits: 11))
      path = long
    default: tar.add(path, [5, 6], dialect: .gnu, claimedSize: TarBuilder.base256(2))
    }
    tar.add("z.jpg", [7])
    let folder = try shard(tar.archive)
    let dataset = try ImageDataset(path: folder.file("shard.tar"))
    #expect(dataset.entries.map(\.id) == ["shard.tar/" + path, "shard.tar/z.jpg"])
    #expect(try fileContents(dataset, 0) == [5, 6])
    #expect(try fileContents(dataset, 1) == [7])
  }

  @Test func readsShardsFromFoldersAndPatterns() throws {
    let folder = try TemporaryFolder()
    for (index, name) in ["train-00.tar", "train-01.tar", "val-00.tar", "sub/x.tar"].enumerated() {
      try folder.write(archive([("1.jpg", "\(index)"), ("1.cls", "\(index)")]), to: "shards/\(name)")
    }
    let path = folder.file("shards")
    #expect(
      openingError(path, format: .webdataset)
        == InputError(
          path, "holds archives of several splits (train, val)", remedy: "choose one of them with --split"))
    let train = ["0 train-00.tar/1.jpg", "1 train-01.tar/1.jpg"]
    #expect(rows(try ImageDataset(path: path, format: .webdataset, split: "train")) == train)
    #expect(rows(try ImageDataset(path: path + "/train-{00..01}.tar")) == train)
    #expect(
      rows(try ImageDataset(path: path + "/{val-00,train-01}.tar")) == [
        "2 val-00.tar/1.jpg", "1 train-01.tar/1.jpg",
      ])
    #expect(
      rows(try ImageDataset(path: folder.path + "/sh{ards/train-00,ards/sub/x}.tar"))
        == ["0 shards/train-00.tar/1.jpg", "3 shards/sub/x.tar/1.jpg"])
    let sub = try ImageDataset(path: path, split: "sub")
    #expect(rows(sub) == ["3 x.tar/1.jpg"])
    #expect(sub.split == "sub")
    #expect(
      openingError(path, format: .webdataset, split: "test")
        == InputError(
          path, "holds no folder named \"test\", and no archive with this word in its name",
          remedy: "it holds train-00.tar, train-01.tar, val-00.tar"))
    #expect(openingError(path + "/val-00.tar", split: "val")?.reason == "is not a folder, and has no splits")
  }

  @Test(arguments: [
    ("x-{0..2", "cannot open"), ("x-{0..}.tar", "neither a range"), ("x-{2..1}.tar", "neither a range"),
    ("{a,{b,c}}.tar", "braces within braces"), ("x-{0..9999999}.tar", "more than 100000 files"),
    ("{0..999}{0..999}.tar", "more than 100000 files"), ("x}{a,b}.tar}", "do not match"),
    ("{a,a}.tar", "names a.tar twice"), ("{a,./a}.tar", "names a.tar twice"),
    ("{\u{E9},e\u{301}}.tar", "\u{E9}.tar: cannot open"),
    ("{/a/x,/b/x}.tar", "stands for \"/a/x.tar\", which is absolute"),
    ("{a,../b}.tar", "stands for \"../b.tar\", which leads out"),
    ("{a.tar,}", "stands for \"\", which is empty"),
    ("x-{8..10}.tar", "x-8.tar: cannot open"), ("x-{08..10}.tar", "x-08.tar: cannot open"),
  ])
  func refusesWrongPatterns(pattern: String, reason: String) throws {
    let folder = try TemporaryFolder()
    let error = try #require(openingError(folder.file(pattern), format: .webdataset))
    #expect(error.description.contains(reason), "\(error)")
  }

  @Test(
    arguments: [
      ([("1.jpg", ""), ("1.png", "")], "the sample 1 has several images: 1.jpg, 1.png"),
      ([("1.txt", ""), ("1.cls", "0")], "the sample 1 has no image among cls, txt"),
      ([("c/a.v1.jpg", ""), ("c/a.v2.jpg", "")], "the sample c/a has no image among v1.jpg, v2.jpg"),
      ([("1.jpg", ""), ("2.webp", "")], "the sample 2 has no image among webp"),
      ([("a/1.BMP", ""), ("a/1.txt", "")], "the sample a/1 has no image among bmp, txt"),
      ([("1.v2.tiff", "")], "the sample 1 has no image among v2.tiff"),
      (
        [("1.cls", "0")] + (10..<30).map { ("1.x\($0)", "") },
        "no image among cls, x10, x11, x12, x13, x14, x15, x16, x17, x18 and 11 more"
      ),
      ([("1.jpg", ""), ("2.jpg", ""), ("1.cls", "0")], "holds 1.cls apart from its sample's other members"),
      ([("1.jpg", ""), ("1.JPG", "")], "holds 1.JPG twice"),
      ([("1.jpg", ""), ("1.cls", "cat")], "1.cls is not a whole number"),
      ([("1.jpg", ""), ("1.cls", String(repeating: "0", count: 70))], "1.cls is not a whole number"),
      ([("1.jpg", ""), ("1.cls", "1.0")], "1.cls is not a whole number"),
      ([("1.jpg", ""), ("1.cls", "")], "1.cls is not a whole number"),
      ([("1.jpg", ""), ("1.cls", "-2")], "1.cls holds the label -2"),
      ([("1.jpg", ""), ("1.cls", "1000000")], "holds the label 1000000"),
      ([("1.jpg", ""), ("1.json", "[]")], "1.json: the whole is of the wrong type"),
      ([("1.jpg", ""), ("1.json", "{")], "1.json: is not valid JSON"),
      ([("1.jpg", ""), ("1.json", "{\"label\": \"cat\"}")], "1.json: label is of the wrong type"),
      (
        [("1.jpg", ""), ("1.cls", "4"), ("2.jpg", "")],
        "holds 2.jpg without a label, while other samples have one"
      ),
      ([("/etc/1.jpg", "")], "a member whose name \"/etc/1.jpg\" is absolute"),
      ([("a/../../1.jpg", "")], "leads out of its folder"),
      ([("/\u{301}1.jpg", "")], "is absolute"), ([("a/../\u{301}1.jpg", "")], "leads out of its folder"),
      ([("__meta__", ""), ("notes", "")], "holds no samples with images"),
      ([], "holds no samples with images"),
    ] as [([(String, String)], String)])
  func refusesWrongSamples(members: [(String, String)], reason: String) throws {
    let folder = try shard(archive(members))
    let error = try #require(openingError(folder.file("shard.tar")))
    #expect(error.description.contains(reason), "\(error)")
  }

  /// Blocks that a hostile or broken archive begins with, and what is said of each.
  private static let hostileBlocks: [([UInt8], String)] = [
    (header("1.jpg", TarBuilder.octal(4096, digits: 11)), "1.jpg claims 4096 bytes, and 1536 are left"),
    (header("1.jpg", TarBuilder.base256(1 << 62)), "1.jpg claims 4611686018427387904 bytes"),
    (header("1.jpg", TarBuilder.base256(1 << 63)), "no valid size"),
    (header("1.jpg", [0x81] + TarBuilder.base256(1).dropFirst()), "no valid size"),
    (header("1.jpg", [UInt8](repeating: 0xFF, count: 12)), "no valid size"),
    (header("1.jpg", Array("-0000000001".utf8)), "no valid size"),
    (header("1.jpg", Array("00000000009".utf8)), "no valid size"),
    (header("", TarBuilder.octal(0, digits: 11)), "is empty"),
    (header("1.jpg", octal(0), "1"), "holds 1.jpg as a link"),
    (header("1.jpg", octal(0), "2"), "holds 1.jpg as a link"), (header("1.jpg", octal(0), "S"), "sparse"),
    (header("1.jpg", octal(0), "Z"), "unknown type 90"),
    (header("x", octal(1 << 21), "L"), "extended header of 2097152 bytes"),
    (header("x", octal(1 << 30), "x"), "extended header of 1073741824 bytes"),
    (extended("L", Array("../1.jpg".utf8)), "leads out"),
    (extended("L", [0xFF, 0xFE]), "not UTF-8"),
    (extended("L", [UInt8](repeating: 0x61, count: 5000)), "longer than 4096 bytes"),
    (extended("x", Array("17 path=1.jpg\n".utf8)), "damaged pax"),
    (extended("x", Array("99999999999999999999 path=1.jpg\n".utf8)), "damaged pax"),
    (extended("x", Array("13 path=1.jpg".utf8)), "damaged pax"),
    (extended("x", Array("0 path=1.jpg\n".utf8)), "damaged pax"),
    (extended("x", TarBuilder.paxRecord("size", "-1")), "damaged pax"),
    (extended("x", TarBuilder.paxRecord("size", "99999999999999999999")), "damaged pax"),
    (extended("x", TarBuilder.paxRecord("size", "9000000000000000000")), "claims 9000000000000000000 bytes"),
    (extended("x", TarBuilder.paxRecord("path", "/1.jpg")), "is absolute"),
    (extended("x", TarBuilder.paxRecord("path", "1\0.jpg")), "zero byte"),
    (extended("x", TarBuilder.paxRecord("GNU.sparse.major", "1")), "sparse"),
    (extended("g", TarBuilder.paxRecord("path", "1.jpg")), "global pax"),
    ([UInt8](repeating: 0, count: 512) + header("2.jpg", octal(0)), "goes on behind the end"),
    (Array("\u{1F}".utf8) + [0x8B] + [UInt8](repeating: 1, count: 510), "compressed with gzip"),
    ([UInt8](repeating: 7, count: 512), "is not a tar archive"),
  ]

  private static func octal(_ value: Int) -> [UInt8] { TarBuilder.octal(value, digits: 11) }

  private static func header(_ name: String, _ size: [UInt8], _ type: Character = "0") -> [UInt8] {
    TarBuilder.header(name, size: size, type: type)
  }

  private static func extended(_ type: Character, _ data: [UInt8]) -> [UInt8] {
    var tar = TarBuilder()
    tar.add("extended", data, type: type, dialect: .gnu)
    return tar.bytes
  }

  @Test(arguments: hostileBlocks)
  func refusesWrongArchives(block: [UInt8], reason: String) throws {
    var tar = TarBuilder()
    tar.append(block)
    tar.add("1.jpg", [])
    let folder = try shard(tar.archive)
    let error = try #require(openingError(folder.file("shard.tar")))
    #expect(error.description.contains(reason), "\(error)")
    #expect(error.subject.hasPrefix(folder.file("shard.tar")))
  }

  @Test func refusesAnEndBehindAnExtendedHeader() throws {
    let folder = try shard(Self.extended("L", Array("1.jpg".utf8)) + [UInt8](repeating: 0, count: 1024))
    let error = try #require(openingError(folder.file("shard.tar")))
    #expect(error.reason == "ends behind a header that belongs to a next one")
  }

  @Test func refusesArchivesThatWereCutOff() throws {
    let whole = archive([
      ("1.jpg", String(repeating: "x", count: 700)), ("1.cls", "3"), ("2.jpg", ""), ("2.cls", "4"),
    ])
    let folder = try TemporaryFolder()
    let path = folder.file("shard.tar")
    for count in Array(stride(from: 0, to: whole.count - 512, by: 61)) + [whole.count - 513] {
      try folder.write(whole.prefix(count), to: "shard.tar")
      let error = try #require(openingError(path), "\(count) bytes")
      #expect(error.reason.hasPrefix("is a truncated tar archive"), "\(count) bytes: \(error)")
    }
    try folder.write(whole.prefix(whole.count - 512), to: "shard.tar")
    #expect(rows(try ImageDataset(path: path)) == ["3 shard.tar/1.jpg", "4 shard.tar/2.jpg"])
  }

  @Test func noticesEveryFlippedBitOfAHeader() throws {
    let whole = archive([("1.jpg", "x"), ("1.cls", "3")])
    let folder = try TemporaryFolder()
    for index in Array(0..<148) + Array(156..<512) {
      var damaged = whole
      damaged[1024 + index] ^= 1 << UInt8(index % 8)
      try folder.write(damaged, to: "shard.tar")
      let error = try #require(openingError(folder.file("shard.tar")), "byte \(index)")
      #expect(
        error
          == InputError(
            "\(folder.file("shard.tar")), byte 1024", "has a damaged header", remedy: "get a whole copy of it"
          ))
    }
  }

  @Test func survivesNoise() throws {
    let folder = try TemporaryFolder()
    var generator = SeededGenerator(seed: 5)
    let whole = archive([("1.jpg", "x"), ("1.cls", "3"), ("2.jpg", "y"), ("2.cls", "1")])
    for _ in 0..<300 {
      var damaged = whole
      for _ in 0...generator.bounded(3) {
        let block = Int(generator.bounded(UInt64(whole.count / 512))) * 512
        damaged[block + Int(generator.bounded(512))] = UInt8(generator.bounded(256))
        damaged.replaceSubrange(
          block..<block + 512, with: TarBuilder.sealed(Array(damaged[block..<block + 512])))
      }
      try folder.write(damaged, to: "shard.tar")
      guard let dataset = try? ImageDataset(path: folder.file("shard.tar")) else { continue }
      for row in dataset.entries.indices { #expect(try fileContents(dataset, row).count <= whole.count) }
    }
  }

  @Test func tellsOfTheFirstShardThatIsNotInOrder() throws {
    let folder = try TemporaryFolder()
    for index in 10..<30 {
      let bytes = archive([("\(index).jpg", "")])
      try folder.write(index < 13 ? bytes : Array(bytes.prefix(512 + index)), to: "\(index).tar")
    }
    for _ in 0..<10 { #expect(openingError(folder.path)?.subject == folder.file("13.tar")) }
  }

  @Test func givesImagesToManyThreads() throws {
    let folder = try TemporaryFolder()
    for shard in 0..<3 {
      try folder.write(archive((0..<50).map { ("\($0).jpg", "\(shard) \($0)") }), to: "s\(shard).tar")
    }
    let dataset = try ImageDataset(path: folder.path, parallel: Parallel(threadCount: 4))
    #expect(
      try dataset.entries == ImageDataset(path: folder.path, parallel: Parallel(threadCount: 1)).entries)
    #expect(dataset.description.contains("3 WebDataset shards, 150 images without labels"))
    try Parallel(threadCount: 4).forEach(1500) { index, _ in
      let contents = try fileContents(dataset, index % 150)
      #expect(contents == Array("\(index % 150 / 50) \(index % 50)".utf8))
    }
  }
}
