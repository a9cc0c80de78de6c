/// Part of a mapped file, read with every bound checked: each length in a stranger's file may be a lie.
public struct FileSlice: Sendable {
  public let file: MappedFile
  public let range: Range<Int>

  /// - Precondition: the range lies in the file.
  public init(_ file: MappedFile, _ range: Range<Int>) {
    precondition(
      range.lowerBound >= 0 && range.upperBound <= file.bytes.count,
      "bytes \(range) are outside the \(file.bytes.count) bytes of \(file.path)")
    self.file = file
    self.range = range
  }

  public init(_ file: MappedFile) { self.init(file, 0..<file.bytes.count) }

  public var count: Int { range.count }

  /// The byte at an offset, or nil behind the end.
  public func byte(at offset: Int) -> UInt8? {
    offset >= 0 && offset < count ? file.bytes[range.lowerBound + offset] : nil
  }

  /// A little-endian number at an offset, or nil where it does not lie within the slice.
  public func integer<Integer: FixedWidthInteger & BitwiseCopyable>(
    _: Integer.Type, at offset: Int
  ) -> Integer? {
    guard offset >= 0, offset <= count - MemoryLayout<Integer>.size else { return nil }
    return Integer(
      littleEndian: file.bytes.loadUnaligned(fromByteOffset: range.lowerBound + offset, as: Integer.self))
  }

  /// A part of the slice, or nil where it does not lie within.
  public func slice(at offset: Int, count length: Int) -> FileSlice? {
    guard offset >= 0, length >= 0, offset <= count, length <= count - offset else { return nil }
    return FileSlice(file, range.lowerBound + offset..<range.lowerBound + offset + length)
  }

  /// Whether the slice begins with these bytes.
  public func starts(with bytes: some Collection<UInt8>) -> Bool {
    bytes.count <= count && zip(0..., bytes).allSatisfy { byte(at: $0) == $1 }
  }

  /// What is behind the mark that some editors begin texts in UTF-8 with.
  package var behindByteOrderMark: FileSlice {
    starts(with: [0xEF, 0xBB, 0xBF]) ? slice(at: 3, count: count - 3)! : self
  }

  /// The whole slice as text, or nil where it is not UTF-8.
  public var text: String? { withBytes { String(validating: $0, as: UTF8.self) } }

  /// Asks the operating system to read the slice, and does not wait for it.
  public func prefetch() { file.prefetch(range) }

  /// The bytes, valid within the body.
  public func withBytes<Result, Failure>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(UnsafeRawBufferPointer(rebasing: file.bytes[range]))
  }
}
