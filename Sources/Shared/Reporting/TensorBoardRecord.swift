/// The frame of a record in a TensorFlow record file (TFRecord), which TensorBoard's event files are:
///
///     length, UInt64 | masked CRC of these 8 bytes, UInt32 | data | masked CRC of the data, UInt32
///
/// all little-endian. See tensorflow/core/lib/io/record_writer.h.
package enum TensorBoardRecord {
  static let headerByteCount = 12
  static let footerByteCount = 4

  /// - Returns: the data in its frame.
  package static func framed(_ data: [UInt8]) -> [UInt8] {
    let length = littleEndian(UInt64(data.count))
    return length + littleEndian(CRC32C.masked(length)) + data + littleEndian(CRC32C.masked(data))
  }

  /// - Returns: where the data of the record that begins at `start` lie; nil where there is no whole record.
  static func data(in bytes: UnsafeRawBufferPointer, at start: Int) -> Range<Int>? {
    guard bytes.count - start >= headerByteCount + footerByteCount else { return nil }
    let length = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: start, as: UInt64.self))
    let begin = start + headerByteCount
    guard checksum(bytes, at: start + 8) == CRC32C.masked(bytes[start..<start + 8]),
      length <= UInt64(bytes.count - begin - footerByteCount)
    else { return nil }
    let range = begin..<begin + Int(length)
    return checksum(bytes, at: range.upperBound) == CRC32C.masked(bytes[range]) ? range : nil
  }

  private static func checksum(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> UInt32 {
    UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }

  static func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
  }
}

/// The Castagnoli CRC (RFC 3720, appendix B.4), which zlib's crc32 is not.
package enum CRC32C {
  /// By the value of a byte, for the reflected polynomial.
  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { remainder, _ in
      remainder & 1 == 1 ? remainder >> 1 ^ 0x82F6_3B78 : remainder >> 1
    }
  }

  package static func of(_ bytes: some Sequence<UInt8>) -> UInt32 {
    ~bytes.reduce(~0) { remainder, byte in
      remainder >> 8 ^ table[Int(UInt8(truncatingIfNeeded: remainder) ^ byte)]
    }
  }

  /// As records hold it: rotated and shifted, as the CRC of bytes that end with their own CRC says nothing.
  static func masked(_ bytes: some Sequence<UInt8>) -> UInt32 {
    let checksum = of(bytes)
    return (checksum >> 15 | checksum << 17) &+ 0xA282_EAD8
  }
}
