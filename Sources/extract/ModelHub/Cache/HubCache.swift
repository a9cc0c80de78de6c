import Files
import Foundation

/// The folder of repositories in the layout of huggingface_hub, which shares it:
///
///     models--OWNER--NAME/refs/REVISION              the commit that a branch or tag was at
///     models--OWNER--NAME/snapshots/COMMIT/FILE  ->  ../../blobs/ETAG
///     models--OWNER--NAME/.no_exist/COMMIT/FILE      where the repository has no such file
///     .locks/models--OWNER--NAME/ETAG.lock           while somebody downloads
package struct HubCache: Sendable {
  let path: String

  package init(path: String) { self.path = path }

  static func folderName(of repository: Repository) -> String {
    "models--\(repository.owner)--\(repository.name)"
  }

  /// The repository that a folder is named after.
  static func repository(ofFolder name: String) -> Repository? {
    guard name.hasPrefix("models--") else { return nil }
    return try? Repository(String(name.dropFirst(8)).replacing("--", with: "/"))
  }

  package func folder(of repository: Repository) -> String { path + "/" + Self.folderName(of: repository) }

  func snapshot(_ repository: Repository, commit: String) -> String {
    folder(of: repository) + "/snapshots/" + commit
  }

  package func blob(_ repository: Repository, etag: String) -> String {
    folder(of: repository) + "/blobs/" + etag
  }

  func lock(_ repository: Repository, etag: String) -> String {
    "\(path)/.locks/\(Self.folderName(of: repository))/\(etag).lock"
  }

  /// The commit that a revision was at when it was last looked up; nil where that is not known.
  func commit(of reference: HubReference) -> String? {
    if Self.isCommit(reference.revision) { return reference.revision }
    return Self.commit(inFile: folder(of: reference.repository) + "/refs/" + reference.revision)
  }

  static func commit(inFile path: String) -> String? {
    guard Folder.containsFile(path), let file = try? MappedFile(path), file.bytes.count <= 64 else {
      return nil
    }
    let text = String(decoding: file.bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    return isCommit(text) ? text : nil
  }

  static func isCommit(_ text: String) -> Bool { text.utf8.count == 40 && text.isLowercaseHexadecimal }

  /// Whether it is known that a repository has no file of that name.
  func isKnownMissing(_ file: String, _ repository: Repository, commit: String) -> Bool {
    Folder.contains("\(folder(of: repository))/.no_exist/\(commit)/\(file)")
  }

  /// Notes that a repository has no file of that name, so that nobody asks again.
  func noteMissing(_ file: String, _ repository: Repository, commit: String) throws(InputError) {
    let path = "\(folder(of: repository))/.no_exist/\(commit)/\(file)"
    guard !Folder.contains(path) else { return }
    try Folder.create(RelativePath.folder(of: path))
    _ = try Descriptor(path, .updateOrCreate)
  }

  /// Notes the commit that a revision is at.
  func setCommit(_ commit: String, of reference: HubReference) throws(InputError) {
    guard reference.revision != commit, self.commit(of: reference) != commit else { return }
    let path = folder(of: reference.repository) + "/refs/" + reference.revision
    try Folder.create(RelativePath.folder(of: path))
    try AtomicFile.write(commit, to: path)
  }

  /// Gives a blob its name in a snapshot: a relative link, so that the cache can be moved.
  func link(_ file: String, _ repository: Repository, commit: String, etag: String) throws(InputError) {
    let path = snapshot(repository, commit: commit) + "/" + file
    try Folder.create(RelativePath.folder(of: path))
    let depth = 2 + file.split(separator: "/").count - 1
    let target = String(repeating: "../", count: depth) + "blobs/" + etag
    // Beside the name and then renamed over it: a link that leads nowhere is replaced, a good one is never away.
    let temporary = AtomicFile.temporaryPath(for: path)
    try checked(path, "make the link") { symlink(target, temporary) }
    do {
      try AtomicFile.rename(temporary, to: path)
    } catch {
      Folder.remove(temporary)
      throw error
    }
  }
}

extension String {
  var isLowercaseHexadecimal: Bool {
    utf8.allSatisfy {
      UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 || UInt8(ascii: "a")...UInt8(ascii: "f") ~= $0
    }
  }
}
