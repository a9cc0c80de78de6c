import CCeilings
import Compute
import Foundation

/// What the machine does at best. Those that several kernels are compared with are kept.
struct Ceilings {
  typealias Ceiling = (name: String, rate: Double)

  /// Fused multiplications and additions in single precision.
  let multiplyAdd: Ceiling
  let multiplyAddOnAllThreads: Ceiling
  /// Products of pairs of bfloat16 values, added in single precision; nil where the processor has none.
  let dot: Ceiling?
  let dotOnAllThreads: Ceiling?

  /// The ceiling of products of a type, on one thread or on all.
  func products(of type: ElementType, onAllThreads: Bool = false) -> Ceiling {
    let float32 = onAllThreads ? multiplyAddOnAllThreads : multiplyAdd
    return type == .bfloat16 ? (onAllThreads ? dotOnAllThreads : dot) ?? float32 : float32
  }

  /// Of one call; large enough to be measured.
  private static let rounds = 100_000
  /// Larger than any cache.
  private static let memoryByteCount = 512 << 20

  init(_ stopwatch: Stopwatch, _ scratch: ScratchFolder, _ report: inout Report) throws {
    let threads = "\(stopwatch.parallel.threadCount) threads"
    multiplyAdd = ("FMA", stopwatch.rate(of: Self.multiplyAdd()) { Self.multiplyAdd() })
    multiplyAddOnAllThreads = (
      "FMA, \(threads)",
      try stopwatch.rateOnAllThreads(of: Self.multiplyAdd()) { _ in Self.multiplyAdd() }
    )
    report.add("FMA, float32, 1 thread", multiplyAdd.rate, .operations)
    report.add("FMA, float32, \(threads)", multiplyAddOnAllThreads.rate, .operations)
    if Self.dot() > 0 {
      let alone = stopwatch.rate(of: Self.dot()) { Self.dot() }
      report.add("dot, bfloat16, 1 thread", alone, .operations)
      let together = try stopwatch.rateOnAllThreads(of: Self.dot()) { _ in Self.dot() }
      report.add("dot, bfloat16, \(threads)", together, .operations)
      (dot, dotOnAllThreads) = (("dot", alone), ("dot, \(threads)", together))
    } else {
      (dot, dotOnAllThreads) = (nil, nil)
    }
    try Self.measureMemory(stopwatch, threads, &report)
    try Self.measureDisk(scratch, &report)
  }

  @discardableResult private static func multiplyAdd() -> Double {
    var sink: Float = 0
    return pb_ceiling_fma(rounds, &sink)
  }

  @discardableResult private static func dot() -> Double {
    var sink: Float = 0
    return pb_ceiling_bf16_dot(rounds, &sink)
  }

  private static func measureMemory(
    _ stopwatch: Stopwatch, _ threads: String, _ report: inout Report
  ) throws {
    let wordCount = memoryByteCount / 8
    let words = SharedBuffer<UInt64>(count: wordCount)
    words.fill(1)
    let amount = Double(memoryByteCount)
    report.add(
      "memory read, 1 thread", stopwatch.rate(of: amount) { _ = pb_ceiling_read(words.pointer, wordCount) },
      .bytes)
    // Each thread reads a part of its own: what one has read is in no cache of another's.
    let share = wordCount / stopwatch.parallel.threadCount / 32 * 32
    report.add(
      "memory read, \(threads)",
      try stopwatch.rateOnAllThreads(of: Double(8 * share)) {
        _ = pb_ceiling_read(words.pointer + $0 * share, share)
      }, .bytes)
    report.add(
      "memory copy, 1 thread, bytes copied",
      stopwatch.rate(of: amount / 2) {
        memcpy(words.pointer, words.pointer + wordCount / 2, memoryByteCount / 2)
      },
      .bytes)
  }

  private static func measureDisk(_ scratch: ScratchFolder, _ report: inout Report) throws {
    let block = [UInt8](repeating: 1, count: 8 << 20)
    let blockCount = 16
    let file = try PlainFile(scratch.path + "/blocks", byteCount: blockCount * block.count)
    defer { file.remove() }
    let seconds = try Stopwatch.time {
      for index in 0..<blockCount { try file.write(block, at: index * block.count) }
      try file.synchronize()
    }
    report.add("file write, until on the disk", Double(blockCount * block.count) / seconds, .bytes)
  }
}

/// A file with its room reserved, as a shard has it, and nothing else between us and the system.
final class PlainFile {
  private let path: String
  private let descriptor: Int32

  init(_ path: String, byteCount: Int) throws {
    self.path = path
    descriptor = try Self.checked(open(path, O_RDWR | O_CREAT | O_TRUNC, 0o600))
    #if os(Linux)
      _ = posix_fallocate(descriptor, 0, byteCount)
    #endif
  }

  deinit { close(descriptor) }

  func write(_ bytes: [UInt8], at offset: Int) throws {
    let count = try Self.checked(pwrite(descriptor, bytes, bytes.count, off_t(offset)))
    guard count == bytes.count else { throw CocoaError(.fileWriteOutOfSpace) }
  }

  func synchronize() throws { _ = try Self.checked(fsync(descriptor)) }

  func remove() { unlink(path) }

  private static func checked<Status: SignedInteger>(_ status: Status) throws -> Status {
    if status < 0 { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
    return status
  }
}
