import Files

/// What is known of a file's contents before it is here.
package enum ContentHash: Sendable, Equatable {
  case sha256(String)
  /// The first digits of it, as torch.hub has them in a file's name.
  case sha256Prefix(String)
  /// Git's name of the contents, SHA-1.
  case gitBlob(String)

  /// The hub's tag of a file is the SHA-256 of a large one and Git's name of a small one.
  init?(etag: String) {
    guard etag.isLowercaseHexadecimal else { return nil }
    switch etag.utf8.count {
    case 64: self = .sha256(etag)
    case 40: self = .gitBlob(etag)
    default: return nil
    }
  }

  /// torch.hub's convention: `resnet18-f37072fd.pth`, eight digits or more behind the last dash.
  package init?(inName name: String) {
    guard let dash = name.lastIndex(of: "-") else { return nil }
    let rest = name[name.index(after: dash)...]
    let digits = String(rest.prefix { $0 != "." })
    guard rest.contains("."), 8...64 ~= digits.utf8.count, digits.isLowercaseHexadecimal, !Self.isDate(digits)
    else { return nil }
    self = .sha256Prefix(digits)
  }

  /// `20210928` is when a model was trained, and no hash.
  private static func isDate(_ digits: String) -> Bool {
    guard digits.utf8.count == 8, let number = Int(digits) else { return false }
    return 1990...2099 ~= number / 10000 && 1...12 ~= number / 100 % 100 && 1...31 ~= number % 100
  }

  /// How a file differs; nil where it does not.
  func fault(of path: String) throws(InputError) -> String? {
    switch self {
    case .sha256(let digits):
      let found = try SHA256.hexadecimal(ofFile: path)
      return found == digits ? nil : "its SHA-256 is \(found), not \(digits)"
    case .sha256Prefix(let digits):
      let found = try SHA256.hexadecimal(ofFile: path)
      return found.hasPrefix(digits) ? nil : "its SHA-256 is \(found), which does not begin with \(digits)"
    case .gitBlob(let digits):
      let found = try GitBlob.hexadecimal(ofFile: path)
      return found == digits ? nil : "Git's hash of it is \(found), not \(digits)"
    }
  }
}
