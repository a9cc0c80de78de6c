import Files
import Foundation

/// A file that is known by its address. It is kept under a folder named after the address, with a record of where it is
/// from.
struct WebDownload {
  let address: WebAddress
  private let folder: String
  private let name: String

  /// What is written beside a file.
  struct Record: Codable {
    /// Without user, password and query.
    let url: String
    /// The file's name.
    let file: String
  }

  static let recordName = "origin.json"

  /// - Parameter folder: of all downloads.
  init(_ address: WebAddress, in folder: String) throws(InputError) {
    guard let name = address.fileName else {
      throw InputError(
        address.publicText, "does not end in the name of a file",
        remedy: "give the address of the file itself")
    }
    self.address = address
    var digest = SHA256()
    Array(address.text.utf8).withUnsafeBytes { digest.update($0) }
    self.folder = folder + "/" + digest.hexadecimal().prefix(16)
    self.name = name
  }

  /// Where the file is once it is whole.
  var path: String { folder + "/" + name }

  var isHere: Bool { Folder.containsFile(path) }

  /// The file that torch.hub keeps under the same name, if there is one that fits the hash in the name.
  func torchFile(in folder: String) throws(InputError) -> String? {
    let path = folder + "/" + name
    guard Folder.containsFile(path) else { return nil }
    return try ContentHash(inName: name)?.fault(of: path) == nil ? path : nil
  }

  /// Downloads the file, or the rest of it.
  func fetch(
    _ session: WebSession, secret: WebSession.Secret?, onEvent: @escaping (DownloadEvent) -> Void
  ) throws {
    try Folder.create(folder)
    let notice = { (text: String) in onEvent(.notice(text)) }
    let lock = try DownloadLock.acquire(
      folder + "/.lock", session: session,
      onWait: { notice("\(address.publicText): another process is downloading it; waiting") })
    try withExtendedLifetime(lock) {
      guard !isHere else { return }
      let source = FileDownload.Source(
        address: address, secret: secret, name: address.publicText, byteCount: nil,
        hash: ContentHash(inName: name))
      try AtomicFile.write(
        CanonicalJSON.page(Record(url: address.publicText, file: name)), to: folder + "/" + Self.recordName)
      let part = try partFile(onEvent)
      try FileDownload(
        source, part: part, session: session, onNotice: notice,
        explain: { WebFailures.error($0, subject: address.publicText, endpoint: address) }
      ).run(to: path)
      Folder.remove(versionPath)
      onEvent(.finished)
    }
  }

  /// Where it is kept which version of the file the part is of.
  private var versionPath: String { path + ".version" }

  private func partFile(_ onEvent: @escaping (DownloadEvent) -> Void) throws -> PartFile {
    var hasStarted = false
    return try PartFile(
      path + ".incomplete", name: address.publicText, byteCount: nil,
      basis: .version(try? String(contentsOfFile: versionPath, encoding: .utf8)),
      onBegin: { answer in
        try refusePage(answer.head)
        if let version = answer.version {
          try AtomicFile.write(version, to: versionPath)
        } else {
          Folder.remove(versionPath)
        }
        if let total = answer.total { try Folder.requireFreeSpace(total - answer.count, in: folder) }
        guard !hasStarted else { return }
        hasStarted = true
        onEvent(.started(name: address.publicText, byteCount: answer.total, alreadyDone: answer.count))
      },
      onChange: { onEvent(.reached($0)) })
  }

  private func refusePage(_ head: HTTPHead) throws(InputError) {
    guard head["content-type"]?.lowercased().hasPrefix("text/html") == true else { return }
    throw InputError(
      address.publicText, "is a web page, not the checkpoint that it may link to",
      remedy: "give the address of the file itself")
  }
}
