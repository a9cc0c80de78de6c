/// Makes tar archives, right ones and wrong ones.
public struct TarBuilder {
  public enum Dialect { case v7, ustar, gnu }

  public private(set) var bytes: [UInt8] = []

  public init() {}

  /// The archive with its end.
  public var archive: [UInt8] { bytes + [UInt8](repeating: 0, count: 1024) }

  /// - Parameters:
  ///   - prefix: ustar's beginning of a long path.
  ///   - claimedSize: what the header says, where that is not the truth.
  public mutating func add(
    _ name: String, _ data: some Collection<UInt8>, type: Character = "0", dialect: Dialect = .ustar,
    prefix: String = "", claimedSize: [UInt8]? = nil
  ) {
    let size = claimedSize ?? Self.octal(data.count, digits: 11)
    bytes += Self.header(name, size: size, type: type, dialect: dialect, prefix: prefix)
    bytes += data
    bytes += [UInt8](repeating: 0, count: (512 - data.count % 512) % 512)
  }

  /// Adds bytes as they are.
  public mutating func append(_ block: [UInt8]) { bytes += block }

  /// A header of 512 bytes with its checksum.
  public static func header(
    _ name: String, size: [UInt8], type: Character = "0", dialect: Dialect = .ustar, prefix: String = ""
  ) -> [UInt8] {
    var block = [UInt8](repeating: 0, count: 512)
    func put(_ field: some Sequence<UInt8>, at offset: Int) {
      for (index, byte) in field.enumerated() { block[offset + index] = byte }
    }
    put(name.utf8, at: 0)
    for offset in [100, 108, 116] { put(octal(0o644, digits: 7), at: offset) }
    put(size, at: 124)
    put(octal(0, digits: 11), at: 136)
    put(type == "\0" ? [0] : Array(String(type).utf8), at: 156)
    switch dialect {
    case .v7: break
    case .ustar:
      put("ustar\u{0}00".utf8, at: 257)
      put(prefix.utf8, at: 345)
    case .gnu:
      put("ustar  \u{0}".utf8, at: 257)
      // Where ustar has the beginning of a path, GNU tar's own format has times.
      put(octal(0o14_700_000_000, digits: 11), at: 345)
    }
    return sealed(block)
  }

  /// A header with the checksum that its bytes have.
  public static func sealed(_ block: [UInt8]) -> [UInt8] {
    var block = block
    block.replaceSubrange(148..<156, with: repeatElement(0x20, count: 8))
    let sum = block.reduce(0) { $0 + Int($1) }
    block.replaceSubrange(148..<156, with: octal(sum, digits: 6) + [0, 0x20])
    return block
  }

  public static func octal(_ value: Int, digits: Int) -> [UInt8] {
    let text = String(value, radix: 8)
    return [UInt8](repeating: 0x30, count: digits - text.utf8.count) + text.utf8
  }

  /// A size of 12 bytes to the base 256.
  public static func base256(_ value: UInt64) -> [UInt8] {
    [0x80, 0, 0, 0] + (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * UInt64($0))) }
  }

  /// A pax record, such as `17 path=cat/1.jpg\n`.
  public static func paxRecord(_ key: String, _ value: String) -> [UInt8] {
    let rest = " \(key)=\(value)\n".utf8
    var count = rest.count + 1
    while String(count).utf8.count + rest.count != count { count = String(count).utf8.count + rest.count }
    return Array(String(count).utf8) + rest
  }
}
