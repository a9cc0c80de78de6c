import COpenSSL

/// SHA-256 (FIPS 180-4), by libcrypto.
public struct SHA256: ~Copyable {
  private let digest = MessageDigest(EVP_sha256())

  public init() {}

  public mutating func update(_ bytes: UnsafeRawBufferPointer) { digest.update(bytes) }

  /// - Returns: the digest of everything seen so far, as 64 lower-case hexadecimal digits.
  public consuming func hexadecimal() -> String { digest.hexadecimal() }

  /// - Returns: the digest of a whole file, as `sha256sum` prints it.
  public static func hexadecimal(ofFile path: String) throws(InputError) -> String {
    hexadecimal(of: try MappedFile(path))
  }

  /// Likewise, of a file that is mapped already.
  public static func hexadecimal(of file: MappedFile) -> String {
    let digest = MessageDigest(EVP_sha256())
    digest.update(file)
    return digest.hexadecimal()
  }
}

/// The name that Git gives to a file's contents: SHA-1 of a header with its length, and the contents.
package enum GitBlob {
  /// - Returns: 40 lower-case hexadecimal digits, as `git hash-object` prints them.
  package static func hexadecimal(ofFile path: String) throws(InputError) -> String {
    let file = try MappedFile(path)
    let digest = MessageDigest(EVP_sha1())
    Array("blob \(file.bytes.count)\0".utf8).withUnsafeBytes { digest.update($0) }
    digest.update(file)
    return digest.hexadecimal()
  }
}

/// A digest in the making, by any of libcrypto's algorithms.
package struct MessageDigest: ~Copyable {
  private let context: OpaquePointer

  package init(_ algorithm: OpaquePointer?) {
    guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, algorithm, nil) == 1 else {
      preconditionFailure("libcrypto does not offer the digest")
    }
    self.context = context
  }

  deinit { EVP_MD_CTX_free(context) }

  package func update(_ bytes: UnsafeRawBufferPointer) {
    precondition(EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1, "EVP_DigestUpdate failed")
  }

  package func update(_ file: MappedFile) {
    // Part by part, so that no large file is in memory as a whole.
    let partLength = 1 << 24
    for start in stride(from: 0, to: file.bytes.count, by: partLength) {
      let part = start..<min(file.bytes.count, start + partLength)
      update(UnsafeRawBufferPointer(rebasing: file.bytes[part]))
      file.forget(part)
    }
  }

  package func hexadecimal() -> String {
    var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var count: UInt32 = 0
    precondition(EVP_DigestFinal_ex(context, &digest, &count) == 1, "EVP_DigestFinal_ex failed")
    let digits = Array("0123456789abcdef".utf8)
    let bytes = digest.prefix(Int(count)).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    return String(decoding: bytes, as: UTF8.self)
  }
}
