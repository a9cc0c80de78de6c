import Checkpoints
import Files
import TestSupport
import Testing

/// Zip files that lie about themselves, and the 64-bit form that large checkpoints have.
@Suite struct ZipArchiveTests {
  /// A file whose pickle is the number None: whoever says so has read the archive.
  private static let none: [UInt8] = [0x80, 2, 0x4E, 0x2E]
  private static let readReason = "holds None, not a state dict"

  private func reason(_ change: (inout ZipBuilder) -> Void) throws -> String {
    var builder = ZipBuilder(pickle: Self.none, storages: ["0": [1, 2, 3, 4], "1": [5, 6, 7, 8]])
    change(&builder)
    let folder = try TemporaryFolder()
    let path = try folder.write(builder.bytes(), to: "bad.pth")
    let error = try #require(throws: InputError.self) {
      try CheckpointLoader.load(CheckpointRequest(path: path, headCount: 1))
    }
    #expect(error.subject == path)
    return error.reason
  }

  @Test func bothFormsAreRead() throws {
    #expect(try reason { _ in } == Self.readReason)
    #expect(try reason { $0.is64Bit = true } == Self.readReason)
  }

  @Test(arguments: [false, true])
  func liesAboutEntriesAreRefused(is64Bit: Bool) throws {
    func reason(_ change: (inout ZipBuilder) -> Void) throws -> String {
      try self.reason {
        $0.is64Bit = is64Bit
        change(&$0)
      }
    }
    #expect(try reason { $0.entries[0].crc32 ^= 1 }.contains("the checksum of archive/data.pkl is wrong"))
    #expect(try reason { $0.entries[1].method = 8 }.contains("compressed entry archive/data/0"))
    #expect(try reason { $0.entries[1].flags = 1 }.contains("archive/data/0 is encrypted"))
    #expect(
      try reason { $0.entries[1].storedSize = 3 }.contains("the sizes of archive/data/0 are impossible"))
    #expect(try reason { $0.entries[1].offsetError = 1 }.contains("not where the directory says"))
    #expect(try reason { $0.entries[1].offsetError = 1_000_000 }.contains("not where the directory says"))
    #expect(
      try reason { $0.entries[1].localName = "archive/data/1" }.contains("not where the directory says"))
    #expect(
      try reason { $0.entries[2].name = "archive/data/0" }.contains("two entries are called archive/data/0"))
    let sizes: [UInt64] = is64Bit ? [1 << 20, 1 << 62, UInt64.max - 7] : [1 << 20, 0xFFFF_FFFE]
    for size in sizes {
      let reason = try reason {
        $0.entries[2].size = size
        $0.entries[2].storedSize = size
      }
      #expect(reason.contains("does not fit into the file") || reason.contains("impossible"), "\(reason)")
    }
    #expect(
      try reason {
        // Reaches into the next entry.
        $0.entries[1].size = 40
        $0.entries[1].storedSize = 40
      }.contains("overlap"))
    if is64Bit {
      #expect(try reason { $0.entries[1].offsetError = .min / 2 }.contains("impossible"))
    }
  }

  @Test(arguments: [false, true])
  func liesAboutTheDirectoryAreRefused(is64Bit: Bool) throws {
    var changes: [(inout ZipBuilder) -> Void] = [
      { $0.countError = 1 }, { $0.countError = 10_000 }, { $0.directorySizeError = 1000 },
      { $0.directorySizeError = -60 }, { $0.directoryOffsetError = 1 }, { $0.directoryOffsetError = -1 },
      { $0.directoryOffsetError = 1 << 30 },
    ]
    // 32 bits do not hold this one.
    if is64Bit { changes.append { $0.directoryOffsetError = .min / 2 } }
    for change in changes {
      let reason = try reason {
        $0.is64Bit = is64Bit
        change(&$0)
      }
      #expect(reason.contains("is damaged") || reason.contains("damaged zip file"), "\(reason)")
    }
  }

  @Test func otherArchivesAreRefused() throws {
    #expect(
      try reason {
        $0.entries[0].name = "word/document.xml"; $0.entries[0].localName = nil
      }.contains("holds no data.pkl"))
    #expect(
      try reason { $0.entries.append(.init("archive/byteorder", Array("big".utf8))) }.contains("big-endian"))
    #expect(
      try reason { $0.entries.append(.init("archive/version", Array("99\n".utf8))) }.contains(
        "format version"))
    #expect(try reason { $0.entries.append(.init("archive/version", [0xFF])) }.contains("format version"))
    #expect(
      try reason { $0.entries.append(.init("archive/byteorder", Array("little".utf8))) } == Self.readReason)
    let script = try #require(throws: InputError.self) {
      try CheckpointLoader.load(CheckpointRequest(path: fixture("script.pth")))
    }
    #expect(script.reason.contains("TorchScript"))
  }
}
