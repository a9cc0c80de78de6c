import Files

/// A repository of models on the hub.
package struct Repository: Hashable, Sendable, CustomStringConvertible {
  let owner: String
  let name: String

  /// - Parameter text: `owner/name`.
  /// - Throws: for what the hub allows no repository to be called.
  package init(_ text: String) throws(InputError) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2, text.utf8.count <= 96, parts.allSatisfy(Self.isName), !text.hasSuffix(".git")
    else {
      throw InputError(
        "'\(text)'", "is no name of a repository of the hub", remedy: "give it as hf-hub:owner/name")
    }
    (owner, name) = (parts[0], parts[1])
  }

  private static func isName(_ part: String) -> Bool {
    !part.isEmpty && !part.contains("--") && !part.contains("..")
      && part.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
          true
        default: false
        }
      }
      && !"-.".contains(part.first!) && !"-.".contains(part.last!)
  }

  package var description: String { "\(owner)/\(name)" }
}

/// Weights in a repository, at a revision.
package struct HubReference: Hashable, Sendable, CustomStringConvertible {
  var repository: Repository
  /// A branch, a tag, or a commit.
  var revision = defaultRevision
  /// A file's path in the repository; nil for the weights that it has under a usual name.
  var file: String?

  static let defaultRevision = "main"
  static let prefix = "hf-hub:"

  init(_ repository: Repository) { self.repository = repository }

  /// - Parameter text: `owner/name`, `owner/name@revision`, `owner/name/file@revision`.
  init(parsing text: String) throws(InputError) {
    let at = text.lastIndex(of: "@")
    let path = text[..<(at ?? text.endIndex)].split(
      separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
    try self.init(
      Repository(path.prefix(2).joined(separator: "/")),
      revision: at.map { String(text[text.index(after: $0)...]) },
      file: path.count > 2 ? String(path[2]) : nil)
  }

  private init(_ repository: Repository, revision: String?, file: String?) throws(InputError) {
    self.repository = repository
    self.revision = revision ?? Self.defaultRevision
    self.file = file
    if let fault = Self.revisionFault(self.revision) {
      throw InputError("\(Self.prefix)\(repository)", "the revision '\(self.revision)' \(fault)")
    }
    if let file, let fault = RelativePath.fault(in: file) {
      throw InputError("\(Self.prefix)\(repository)", "the file '\(file)' \(fault)")
    }
  }

  /// What an address of the hub's own pages and files means; nil for one that means something else.
  init?(_ address: WebAddress) {
    guard let parts = address.pathParts, parts.count >= 2, !["api", "datasets", "spaces"].contains(parts[0]),
      let repository = try? Repository(parts[0] + "/" + parts[1])
    else { return nil }
    switch parts.count {
    case 2: self.init(repository)
    case 4 where parts[2] == "tree":
      guard let reference = try? HubReference(repository, revision: parts[3], file: nil) else { return nil }
      self = reference
    case 5... where parts[2] == "resolve" || parts[2] == "blob":
      let file = parts[4...].joined(separator: "/")
      guard let reference = try? HubReference(repository, revision: parts[3], file: file) else { return nil }
      self = reference
    default: return nil
    }
  }

  private static func revisionFault(_ revision: String) -> String? {
    if let fault = RelativePath.fault(in: revision) { return fault }
    let isRefName = revision.unicodeScalars.allSatisfy { !" ~^:?*[".unicodeScalars.contains($0) }
    return isRefName ? nil : "has a character that no revision may have"
  }

  /// The same weights at a commit, which always means the same bytes.
  func at(commit: String) -> HubReference {
    var reference = self
    reference.revision = commit
    return reference
  }

  /// As it can be given on the command line.
  package var description: String {
    Self.prefix + repository.description + (file.map { "/\($0)" } ?? "")
      + (revision == Self.defaultRevision ? "" : "@\(revision)")
  }
}
