import CZlib

/// The checksum in `row_crc32`: zlib's crc32 over the row's bytes in all other datasets, in the layout's order, with
/// the state that the row is going to have.
struct RowChecksum {
  private(set) var value: UInt32 = 0

  mutating func update(_ bytes: UnsafeRawBufferPointer) {
    // A null pointer would ask zlib for the initial value.
    guard let address = bytes.baseAddress else { return }
    value = UInt32(crc32_z(uLong(value), address.assumingMemoryBound(to: UInt8.self), bytes.count))
  }
}
