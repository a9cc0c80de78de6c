import COpenSSL

/// SHA-256 (FIPS 180-4), by libcrypto.
public struct SHA256: ~Copyable {
  private let context: OpaquePointer

  public init() {
    guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
      preconditionFailure("libcrypto offers no SHA-256")
    }
    self.context = context
  }

  deinit { EVP_MD_CTX_free(context) }

  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    precondition(EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1, "EVP_DigestUpdate failed")
  }

  /// - Returns: the digest of everything seen so far, as 64 lower-case hexadecimal digits.
  public consuming func hexadecimal() -> String {
    var digest = [UInt8](repeating: 0, count: 32)
    precondition(EVP_DigestFinal_ex(context, &digest, nil) == 1, "EVP_DigestFinal_ex failed")
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  /// - Returns: the digest of a whole file, as `sha256sum` prints it.
  public static func hexadecimal(ofFile path: String) throws(InputError) -> String {
    hexadecimal(of: try MappedFile(path))
  }

  /// Likewise, of a file that is mapped already.
  public static func hexadecimal(of file: MappedFile) -> String {
    var hash = SHA256()
    // Part by part, so that no large file is in memory as a whole.
    let partLength = 1 << 24
    for start in stride(from: 0, to: file.bytes.count, by: partLength) {
      let part = start..<min(file.bytes.count, start + partLength)
      hash.update(UnsafeRawBufferPointer(rebasing: file.bytes[part]))
      file.forget(part)
    }
    return hash.hexadecimal()
  }
}
