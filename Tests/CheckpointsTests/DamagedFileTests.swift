import Checkpoints
import Compute
import Files
import Foundation
import TestSupport
import Tensors
import Testing

/// Checkpoints that were cut short or changed on their way.
@Suite struct DamagedFileTests {
  /// Loads the bytes as a file; an error must be an ``InputError`` and nothing may crash.
  private func loads(_ bytes: [UInt8], in folder: TemporaryFolder) throws -> LoadedCheckpoint? {
    try Data(bytes).write(to: URL(fileURLWithPath: folder.file("damaged")))
    do {
      return try CheckpointLoader.load(CheckpointRequest(path: folder.file("damaged"), headCount: 2))
    } catch {
      #expect(!error.reason.isEmpty)
      return nil
    }
  }

  @Test(arguments: ["mae.pth", "parameters.pth", "float16.pth", "legacy-python2.pth", "expected.safetensors"])
  func everyTruncationIsRefused(name: String) throws {
    let whole = try bytes(ofFile: fixture(name))
    let folder = try TemporaryFolder()
    for length in Array(stride(from: 0, to: whole.count, by: 61)) + (whole.count - 100..<whole.count) {
      #expect(try loads(Array(whole[..<length]), in: folder) == nil, "\(length) bytes")
    }
  }

  /// With checksums, a weight that changed by one bit is always found.
  @Test func flippedBitsInWeightsAreFound() throws {
    let whole = try bytes(ofFile: fixture("bare.pth"))
    let expected = try CheckpointLoader.load(CheckpointRequest(path: fixture("bare.pth"), headCount: 2))
    let folder = try TemporaryFolder()
    var generator = SeededGenerator(seed: 1)
    for _ in 0..<3000 {
      var damaged = whole
      let bit = Int(generator.bounded(UInt64(whole.count * 8)))
      damaged[bit / 8] ^= 1 << (bit % 8)
      guard let loaded = try loads(damaged, in: folder) else { continue }
      // What is left are bits that mean nothing, such as a file's time.
      for (key, tensor) in expected.weights {
        #expect(loaded.weights[key]?.floats() == tensor.floats(), "bit \(bit)")
      }
    }
  }

  /// Without checksums, damage reaches the pickle's interpreter.
  @Test(arguments: ["float16.pth", "parameters.pth", "mae.pth"])
  func flippedBitsInPicklesGiveAModelOrAnInputError(name: String) throws {
    let whole = try bytes(ofFile: fixture(name))
    let pickle = try #require(pickleWithoutChecksum(whole))
    let folder = try TemporaryFolder()
    var generator = SeededGenerator(seed: 2)
    var refused = 0
    for _ in 0..<2000 {
      var damaged = pickle.bytes
      for _ in 0...generator.bounded(3) {
        let bit = pickle.range.lowerBound * 8 + Int(generator.bounded(UInt64(pickle.range.count * 8)))
        damaged[bit / 8] ^= 1 << (bit % 8)
      }
      if try loads(damaged, in: folder) == nil { refused += 1 }
    }
    #expect(refused > 1000)
  }

  /// The old format has no checksums at all.
  @Test func flippedBitsInTheOldFormatGiveAModelOrAnInputError() throws {
    let whole = try bytes(ofFile: fixture("legacy-python2.pth"))
    let folder = try TemporaryFolder()
    var generator = SeededGenerator(seed: 3)
    var refused = 0
    for _ in 0..<3000 {
      var damaged = whole
      let bit = Int(generator.bounded(UInt64(whole.count * 8)))
      damaged[bit / 8] ^= 1 << (bit % 8)
      if try loads(damaged, in: folder) == nil { refused += 1 }
    }
    #expect(refused > 500)
  }

  /// The file with the checksum of data.pkl set to "none" in the directory, and where data.pkl's bytes are.
  private func pickleWithoutChecksum(_ whole: [UInt8]) -> (bytes: [UInt8], range: Range<Int>)? {
    func integer(_ offset: Int, _ count: Int) -> Int {
      (0..<count).reduce(0) { $0 | Int(whole[offset + $1]) << (8 * $1) }
    }
    for record in stride(from: whole.count - 46, to: 0, by: -1)
    where whole[record..<record + 4].elementsEqual([0x50, 0x4B, 1, 2]) {
      let nameLength = integer(record + 28, 2)
      guard
        String(decoding: whole[record + 46..<record + 46 + nameLength], as: UTF8.self).hasSuffix("data.pkl")
      else { continue }
      var bytes = whole
      for index in 16..<20 { bytes[record + index] = 0 }
      let header = integer(record + 42, 4)
      let start = header + 30 + integer(header + 26, 2) + integer(header + 28, 2)
      return (bytes, start..<start + integer(record + 24, 4))
    }
    return nil
  }
}
