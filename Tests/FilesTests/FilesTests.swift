import Files
import Foundation
import Synchronization
import TestSupport
import Testing

@Suite struct AtomicFileTests {
  @Test func aFileIsReplacedWhole() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("text")
    try AtomicFile.write("old", to: path)
    try AtomicFile.write("", to: path)
    #expect(try bytes(ofFile: path).isEmpty)
    try AtomicFile.write("näw", to: path)
    #expect(try bytes(ofFile: path) == Array("näw".utf8))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["text"])
  }

  @Test func onlyTheFirstOfManyCreatesAFile() throws {
    for _ in 0..<20 {
      let folder = try TemporaryFolder()
      let path = folder.file("text")
      let created = Mutex<[String]>([])
      DispatchQueue.concurrentPerform(iterations: 8) { place in
        let text = String(repeating: "\(place)", count: 1 + place)
        if (try? AtomicFile.create(text, at: path)) == true { created.withLock { $0.append(text) } }
      }
      let winners = created.withLock { $0 }
      #expect(winners.count == 1)
      #expect(try bytes(ofFile: path) == Array((winners.first ?? "").utf8))
      #expect(try Folder.fileNames(folder.path) == ["text"])
    }
  }

  @Test func temporaryNamesAreEachTheirOwn() {
    let names = Set((0..<1000).map { _ in AtomicFile.temporaryPath(for: "/a/b.json") })
    #expect(names.count == 1000)
    #expect(names.allSatisfy { $0.wholeMatch(of: /\/a\/b\.json\.[0-9a-f]{16}\.partial/) != nil })
  }

  @Test func leftoversOfTheNamedFilesAreRemoved() throws {
    let folder = try TemporaryFolder()
    let kept = [
      "b.json", "c.json.0123456789abcdef.partial", "b.json.0123.partial", "b.json.0123456789abcdef",
    ]
    let removed = ["b.json.partial", "b.json.0123456789abcdef.partial"]
    for name in kept + removed { try folder.write([], to: name) }
    try AtomicFile.removeLeftovers(of: ["b.json"], in: folder.path)
    #expect(try Folder.fileNames(folder.path) == kept.sorted())
  }

  @Test func aFailureNamesTheFile() throws {
    let folder = try TemporaryFolder()
    let error = #expect(throws: InputError.self) {
      try AtomicFile.write("x", to: folder.file("missing/text"))
    }
    #expect(error?.description.contains("missing/text") == true)
    #expect(error?.reason.contains("No such file") == true)
  }
}

@Suite struct AtomicFileWriterTests {
  @Test func aFileIsThereWhenItIsWhole() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write([1], to: "text")
    let piece = String(repeating: "ä", count: 300_000)
    var writer: AtomicFileWriter? = try AtomicFileWriter(path)
    for _ in 0..<4 { try writer?.append(piece) }
    try [UInt8](1...3).withUnsafeBytes { try writer?.append($0) }
    #expect(try bytes(ofFile: path) == [1])
    try writer?.commit()
    writer = nil
    #expect(try bytes(ofFile: path) == Array((piece + piece + piece + piece).utf8) + [1, 2, 3])
    #expect(try Folder.fileNames(folder.path) == ["text"])
  }

  @Test func whatIsNotFinishedLeavesTheEarlierFile() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write([1], to: "text")
    do { try AtomicFileWriter(path).append("new") }
    #expect(try bytes(ofFile: path) == [1])
    #expect(try Folder.fileNames(folder.path) == ["text"])
  }

  @Test(arguments: ["", "/missing/text"]) func whatCannotBeWrittenIsSaidFirst(name: String) throws {
    let folder = try TemporaryFolder()
    let path = folder.path + name
    let error = #expect(throws: InputError.self) { try AtomicFileWriter(path) }
    #expect(error?.subject == path)
  }
}

/// What is written stays what it is: a link, a pipe, a device.
@Suite struct WrittenPlaceTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func link(_ name: String, to target: String) throws -> String {
    try FileManager.default.createSymbolicLink(
      atPath: folder.file(name), withDestinationPath: target)
    return folder.file(name)
  }

  @Test func aLinkStaysAndItsFileIsReplaced() throws {
    try folder.write([1], to: "data/file")
    let near = try link("data/near", to: "file")
    let far = try link("far", to: "data/near")
    for (number, path) in [near, far].enumerated() {
      try AtomicFileWriter.write("\(number)", to: path)
      #expect(try bytes(ofFile: folder.file("data/file")) == Array("\(number)".utf8))
    }
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: near) == "file")
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: far) == "data/near")
    #expect(try Folder.fileNames(folder.file("data")) == ["file", "near"])
    // In a folder of the program's own a link is in the way: what it leads to is a stranger's choice.
    try AtomicFile.write("own", to: far)
    #expect(try bytes(ofFile: far) == Array("own".utf8))
    #expect(throws: (any Error).self) { try FileManager.default.destinationOfSymbolicLink(atPath: far) }
    #expect(try bytes(ofFile: folder.file("data/file")) == Array("1".utf8))
  }

  @Test func aLinkMayLeadToWhatIsNotThereYet() throws {
    let path = try link("link", to: folder.file("file"))
    try AtomicFileWriter.write("new", to: path)
    #expect(try bytes(ofFile: folder.file("file")) == Array("new".utf8))
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: path) == folder.file("file"))
  }

  @Test func linksInACircleLeadNowhere() throws {
    let path = try link("one", to: "two")
    _ = try link("two", to: "one")
    let error = #expect(throws: InputError.self) { try AtomicFileWriter.write("new", to: path) }
    #expect(error?.subject == path && error?.reason == "is a link that leads nowhere")
  }

  @Test func aPipeTakesTheBytes() throws {
    let path = folder.file("pipe")
    try #require(mkfifo(path, 0o600) == 0)
    // Both ends, so that the writer need not wait for a reader.
    let reader = open(path, O_RDWR)
    defer { close(reader) }
    let writer = try AtomicFileWriter(path)
    try writer.append("one ")
    try writer.append("two")
    try writer.commit()
    var buffer = [UInt8](repeating: 0, count: 16)
    #expect(read(reader, &buffer, buffer.count) == 7 && buffer.starts(with: "one two".utf8))
    #expect(try Folder.fileNames(folder.path) == ["pipe"])
    // In a folder of the program's own it is in the way.
    try AtomicFile.write("three", to: path)
    #expect(try bytes(ofFile: path) == Array("three".utf8))
  }

  @Test func aDeviceStays() throws {
    func kind(_ path: String) -> mode_t? {
      var status = stat()
      return stat(path, &status) == 0 ? status.st_mode & S_IFMT : nil
    }
    try AtomicFileWriter.write("gone", to: "/dev/null")
    try AtomicFileWriter.write("gone", to: try link("null", to: "/dev/null"))
    #expect(kind("/dev/null") == S_IFCHR && kind(folder.file("null")) == S_IFCHR)
  }

  @Test(.enabled(if: Folder.contains("/dev/full"))) func aFullDeviceIsAnError() {
    let error = #expect(throws: InputError.self) { try AtomicFileWriter.write("much", to: "/dev/full") }
    #expect(error?.subject == "/dev/full" && error?.reason.contains("No space") == true)
  }
}

@Suite struct DescriptorTests {
  @Test func readingPastTheEndIsAnError() throws {
    let folder = try TemporaryFolder()
    let file = try Descriptor(try folder.write([1, 2, 3], to: "three"), .read)
    var buffer = [UInt8](repeating: 0, count: 4)
    let error = #expect(throws: InputError.self) {
      try buffer.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
    }
    #expect(error?.reason.contains("byte 3") == true)
    try buffer.withUnsafeMutableBytes {
      try file.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[..<2]), at: 1)
    }
    #expect(buffer == [2, 3, 3, 0])
  }

  @Test func aLockIsHeldOnce() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write([], to: "lock")
    var first: Descriptor? = try Descriptor(path, .updateOrCreate)
    let second = try Descriptor(path, .updateOrCreate)
    #expect(try first!.tryLock())
    #expect(try !second.tryLock())
    first = nil
    #expect(try second.tryLock())
  }

  @Test func fileSystemsWithoutLocksAreToldFromOtherErrors() {
    #expect([ENOLCK, ENOSYS, EOPNOTSUPP, EINVAL].allSatisfy(Descriptor.meansNoLocks))
    #expect(![EWOULDBLOCK, EINTR, EIO].contains(where: Descriptor.meansNoLocks))
  }

  @Test func aFileKnowsWhetherItKeptItsName() throws {
    let folder = try TemporaryFolder()
    let file = try Descriptor(try folder.write([1], to: "name"), .read)
    #expect(try file.isStillNamed())
    try AtomicFile.write("other", to: folder.file("name"))
    #expect(try !file.isStillNamed())
    Folder.remove(folder.file("name"))
    #expect(try !file.isStillNamed())
  }

  @Test func roomIsReservedOnTheDisk() throws {
    let folder = try TemporaryFolder()
    let file = try Descriptor(folder.file("room"), .create)
    try file.resize(byteCount: 1 << 20)
    #expect(try file.allocatedByteCount() < 1 << 20)
    try file.reserve(byteCount: 1 << 20)
    #expect(try file.allocatedByteCount() >= 1 << 20)
    #expect(try file.size() == 1 << 20)
  }
}

@Suite struct FolderTests {
  @Test func aFullDiskIsToldBeforeTheWork() throws {
    let folder = try TemporaryFolder()
    try Folder.requireFreeSpace(1, in: folder.path)
    let error = #expect(throws: InputError.self) { try Folder.requireFreeSpace(.max, in: folder.path) }
    #expect(error?.reason.contains("9223372036.85 GB are needed") == true)
    #expect(error?.remedy?.contains("free") == true)
  }

  @Test func foldersAreMadeAndListed() throws {
    let folder = try TemporaryFolder()
    try Folder.create(folder.file("a/b"))
    try Folder.create(folder.file("a/b"))
    try folder.write([], to: "a/c")
    #expect(try Folder.fileNames(folder.file("a")) == ["b", "c"])
    #expect(throws: InputError.self) { try Folder.create(folder.file("a/c/d")) }
    #expect(throws: InputError.self) { try Folder.fileNames(folder.file("none")) }
  }

  @Test func shortNamesArePathsAsFarAsTheyDiffer() {
    #expect(Folder.shortNames(["/a/mae/val/", "/a/dino/val"]) == ["mae/val", "dino/val"])
    #expect(Folder.shortNames(["x/one", "two"]) == ["one", "two"])
    #expect(Folder.shortNames(["a", "a"]) == ["a (1)", "a (2)"])
    #expect(Folder.shortNames(["/"]) == ["/"])
  }
}

@Suite struct MappedFileTests {
  @Test func aFilesBytesAreThere() throws {
    let folder = try TemporaryFolder()
    let file = try MappedFile(try folder.write([4, 5], to: "two"))
    withExtendedLifetime(file) { #expect(Array(file.bytes) == [4, 5]) }
    #expect(try MappedFile(try folder.write([], to: "none")).bytes.isEmpty)
  }

  @Test func whatIsNoFileIsAnError() throws {
    let folder = try TemporaryFolder()
    #expect(throws: InputError.self) { try MappedFile(folder.file("missing")) }
    let error = #expect(throws: InputError.self) { try MappedFile(folder.path) }
    #expect(error?.reason.contains("not a regular file") == true)
  }
}

@Suite struct DigestTests {
  /// FIPS 180-4's examples.
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
  ])
  func knownDigests(text: String, digest: String) throws {
    let folder = try TemporaryFolder()
    #expect(try SHA256.hexadecimal(ofFile: try folder.write(text.utf8, to: "text")) == digest)
    var hash = SHA256()
    for byte in text.utf8 { withUnsafeBytes(of: byte) { hash.update($0) } }
    #expect(hash.hexadecimal() == digest)
  }

  /// As `git hash-object` prints them.
  @Test(arguments: [
    ("", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"), ("hello\n", "ce013625030ba8dba906f756967f9e9ca394464a"),
  ])
  func gitsNamesOfContents(text: String, digest: String) throws {
    let folder = try TemporaryFolder()
    #expect(try GitBlob.hexadecimal(ofFile: folder.write(text.utf8, to: "text")) == digest)
  }
}
