import CKernels

/// Memory that several threads work on at once: the one home of unsafe sharing.
///
/// Aligned to 64 bytes (a cache line, an AVX-512 register), freed with the last reference.
///
/// Sendable because nothing here synchronises by itself: bodies that run under ``Parallel`` touch only the elements
/// that belong to their index, and everyone else waits for the join.
public final class SharedBuffer<Element: BitwiseCopyable>: @unchecked Sendable {
  public let count: Int
  public let pointer: UnsafeMutablePointer<Element>

  /// - Parameter count: the number of elements; their bytes start as zero.
  public convenience init(count: Int) {
    self.init(count: count) {
      _ = UnsafeMutableRawBufferPointer($0).initializeMemory(as: UInt8.self, repeating: 0)
    }
  }

  /// - Parameter fill: gives every element its first value.
  public init(count: Int, fill: (UnsafeMutableBufferPointer<Element>) -> Void) {
    precondition(count >= 0, "a buffer cannot hold \(count) elements")
    self.count = count
    let byteCount = max(64, count * MemoryLayout<Element>.stride)
    let raw = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 64)
    pointer = raw.bindMemory(to: Element.self, capacity: count)
    fill(UnsafeMutableBufferPointer(start: pointer, count: count))
  }

  public convenience init(_ elements: some Collection<Element>) {
    self.init(count: elements.count) { _ = $0.update(fromContentsOf: elements) }
  }

  deinit { UnsafeMutableRawPointer(pointer).deallocate() }

  public var buffer: UnsafeMutableBufferPointer<Element> {
    UnsafeMutableBufferPointer(start: pointer, count: count)
  }
  public var array: [Element] { Array(buffer) }

  public subscript(index: Int) -> Element {
    get {
      precondition(index >= 0 && index < count, "index \(index) is outside 0 ..< \(count)")
      return pointer[index]
    }
    set {
      precondition(index >= 0 && index < count, "index \(index) is outside 0 ..< \(count)")
      pointer[index] = newValue
    }
  }

  public func fill(_ value: Element) { buffer.update(repeating: value) }
}

extension SharedBuffer<Float> {
  /// Whether all elements are finite numbers.
  public var isFinite: Bool { pb_all_finite(pointer, count) != 0 }
}

/// Memory of someone else that several threads read at once.
///
/// Sendable because nobody writes to it until the loop that it is made for has joined; whoever makes one sees to that.
public struct SharedView<Element: BitwiseCopyable>: @unchecked Sendable {
  public let buffer: UnsafeBufferPointer<Element>

  public init(_ buffer: UnsafeBufferPointer<Element>) { self.buffer = buffer }
}

/// One value per worker of a ``Parallel`` loop, made on first use: scratch memory, decoders, counters.
///
/// Sendable because worker `w` alone touches value `w` until the loop has joined.
public final class PerWorker<Value>: @unchecked Sendable {
  private let make: @Sendable () throws -> Value
  private let values: UnsafeMutableBufferPointer<Value?>

  public init(_ parallel: Parallel, _ make: @escaping @Sendable () throws -> Value) {
    self.make = make
    values = .allocate(capacity: parallel.threadCount)
    values.initialize(repeating: nil)
  }

  deinit {
    values.deinitialize()
    values.deallocate()
  }

  /// The values that were made. Not while the loop runs.
  public var made: [Value] { values.compactMap { $0 } }

  /// The worker's own value.
  public func value(_ worker: Int) throws -> Value {
    if let value = values[worker] { return value }
    let value = try make()
    values[worker] = value
    return value
  }
}
