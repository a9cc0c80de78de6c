import Foundation

/// A file in the folder of a page or below it.
public struct PageFile: Sendable, Equatable {
  /// From the page's folder.
  public let path: String

  public init(_ path: String) {
    precondition(!path.hasPrefix("/"), "\(path) is not in the folder of a page")
    self.path = path
  }

  /// Unreserved characters of RFC 3986 and the slash: nothing that could be taken for another scheme or a fragment.
  private static let plain = CharacterSet(
    charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/")

  var address: String { path.addingPercentEncoding(withAllowedCharacters: Self.plain)! }
}

/// A file's bytes inside a page.
public struct EmbeddedImage: Sendable {
  public enum Format: String, Sendable {
    case jpeg = "image/jpeg"
    case png = "image/png"
  }

  public let format: Format
  public let bytes: [UInt8]

  public init(_ format: Format, bytes: [UInt8]) {
    self.format = format
    self.bytes = bytes
  }

  var address: String { "data:\(format.rawValue);base64,\(Data(bytes).base64EncodedString())" }
}
