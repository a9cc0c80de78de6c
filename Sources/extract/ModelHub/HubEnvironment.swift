import Files
import Foundation

/// Where models are kept and looked for, by the variables that huggingface_hub and torch.hub go by.
public struct HubEnvironment: Sendable {
  let variables: [String: String]

  /// - Parameter variables: of the process.
  public init(_ variables: [String: String] = ProcessInfo.processInfo.environment) {
    self.variables = variables
  }

  static let publicEndpoint = "https://huggingface.co"

  private subscript(name: String) -> String? {
    variables[name].flatMap { $0.isEmpty ? nil : $0 }
  }

  private func isTrue(_ name: String) -> Bool {
    ["1", "ON", "YES", "TRUE"].contains(self[name]?.uppercased())
  }

  /// Whether the network is not to be used.
  var isOffline: Bool { isTrue("HF_HUB_OFFLINE") || isTrue("TRANSFORMERS_OFFLINE") }

  /// Hugging Face's folder, with its cache, the user's token and what is downloaded by address.
  var home: String {
    self["HF_HOME"].map(expanded) ?? userCache + "/huggingface"
  }

  /// The cache of repositories that huggingface_hub shares.
  var hubCache: String {
    (self["HF_HUB_CACHE"] ?? self["HUGGINGFACE_HUB_CACHE"]).map(expanded) ?? home + "/hub"
  }

  /// What is downloaded by address.
  var downloads: String { home + "/patchbank" }

  /// Where torch.hub keeps what it downloads, under the names that files have in their addresses.
  var torchCheckpoints: String {
    (self["TORCH_HOME"].map(expanded) ?? userCache + "/torch") + "/hub/checkpoints"
  }

  /// The hub's address.
  func endpoint() throws(InputError) -> WebAddress {
    let text = self["HF_ENDPOINT"] ?? Self.publicEndpoint
    do {
      return try WebAddress(text)
    } catch {
      throw InputError("HF_ENDPOINT", error.reason, remedy: "give it as \(Self.publicEndpoint)")
    }
  }

  struct Token: Sendable {
    let text: String
    /// The variable or the file that it is from.
    let origin: String
  }

  /// What tells the hub who asks; nil where nobody has logged in.
  func token() throws(InputError) -> Token? {
    if isTrue("HF_HUB_DISABLE_IMPLICIT_TOKEN") { return nil }
    for name in ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"] {
      if let token = try self[name].flatMap({ text throws(InputError) in try Self.token(text, origin: name) })
      {
        return token
      }
    }
    let path = self["HF_TOKEN_PATH"].map(expanded) ?? home + "/token"
    guard Folder.containsFile(path) else { return nil }
    let file = try MappedFile(path)
    guard file.bytes.count <= 4096 else { throw InputError(path, "is no token: it is too long") }
    return try Self.token(String(decoding: file.bytes, as: UTF8.self), origin: path)
  }

  private static func token(_ text: String, origin: String) throws(InputError) -> Token? {
    let text = text.trimmingCharacters(in: .whitespacesAndNewlines)
    guard !text.isEmpty else { return nil }
    // A line end in it would be another header.
    guard text.utf8.allSatisfy({ 0x21...0x7E ~= $0 }) else {
      throw InputError(origin, "is no token: it has characters that tokens do not have")
    }
    return Token(text: text, origin: origin)
  }

  private var userCache: String { self["XDG_CACHE_HOME"].map(expanded) ?? userHome + "/.cache" }

  private var userHome: String { self["HOME"] ?? NSHomeDirectory() }

  /// With `~` and variables replaced, as a shell would.
  private func expanded(_ path: String) -> String {
    let path = path == "~" || path.hasPrefix("~/") ? userHome + path.dropFirst() : path
    return path.replacing(/\$(?:\{(\w+)\}|(\w+))/) { match in
      self[String(match.1 ?? match.2 ?? "")] ?? String(match.0)
    }
  }
}
