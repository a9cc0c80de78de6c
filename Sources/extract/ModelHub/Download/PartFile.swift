import Files

/// A file that is not whole yet. What it holds is the beginning of what is downloaded, so that its size says where to
/// go on.
final class PartFile: AnswerReceiver {
  let path: String
  private let descriptor: Descriptor
  private let name: String
  private let byteCount: Int?
  private let onChange: (Int) -> Void

  /// The bytes that are here.
  private(set) var count: Int
  private let initialCount: Int
  /// How much further the file has ever got in this run. What is sent again from its beginning is no progress.
  private(set) var progress = 0
  /// How many there should be in the end, as the current answer says.
  private var announcedCount: Int?
  private var basis: Basis
  private let onBegin: (Beginning) throws -> Void

  /// Why the rest that a server sends later belongs to what is here.
  enum Basis {
    /// A hash of the whole, which is compared in the end.
    case hash
    /// What the server called this version of the file. It is sent back, so that another version is sent from its
    /// beginning. Nil where the server has no word for it, and nothing can be gone on with.
    case version(String?)
  }

  /// An answer, before its first byte.
  struct Beginning {
    let head: HTTPHead
    /// The bytes that are here.
    let count: Int
    /// Of the whole; nil where the server does not say.
    let total: Int?
    /// For ``Basis/version(_:)``.
    let version: String?
  }

  /// - Parameters:
  ///   - name: for messages.
  ///   - byteCount: of the whole, where it is known.
  ///   - onBegin: may refuse an answer.
  ///   - onChange: told of the bytes that are here.
  init(
    _ path: String, name: String, byteCount: Int?, basis: Basis,
    onBegin: @escaping (Beginning) throws -> Void = { _ in }, onChange: @escaping (Int) -> Void
  ) throws(InputError) {
    self.path = path
    self.name = name
    self.byteCount = byteCount
    self.basis = basis
    self.onBegin = onBegin
    self.onChange = onChange
    descriptor = try Descriptor(path, .updateOrCreate)
    initialCount = try descriptor.size()
    count = initialCount
  }

  /// What asks for the rest.
  var requestHeaders: [String] {
    guard count > 0 else { return [] }
    let range = "Range: bytes=\(count)-"
    return switch basis {
    case .hash: [range]
    case .version(let version?): [range, "If-Range: \(version)"]
    case .version(nil): []
    }
  }

  func begin(_ head: HTTPHead) throws {
    if head.status == 206 {
      guard let range = head.contentRange, range.start == count else {
        throw HTTPFailure.broken("the server sends another part of the file than it was asked for")
      }
      announcedCount = range.total ?? head.contentLength.map { count + $0 }
    } else {
      // All of it, also where a part was asked for: the server cannot do parts, or has another version.
      try reset()
      announcedCount = head.contentLength
      if case .version = basis { basis = .version(Self.version(head)) }
    }
    try onBegin(Beginning(head: head, count: count, total: announcedCount, version: version))
    if let byteCount, let announcedCount, announcedCount != byteCount {
      throw InputError(
        name, "the server sends \(announcedCount) bytes, where it spoke of \(byteCount)",
        remedy: "run the same command again; if it happens again, a proxy or a mirror may change files")
    }
  }

  private var version: String? { if case .version(let version) = basis { version } else { nil } }

  /// A strong tag, or a time; weak tags do not promise the same bytes.
  private static func version(_ head: HTTPHead) -> String? {
    head["etag"].flatMap { $0.hasPrefix("\"") ? $0 : nil } ?? head["last-modified"]
  }

  func receive(_ bytes: UnsafeRawBufferPointer) throws {
    if let limit = byteCount ?? announcedCount, bytes.count > limit - count {
      throw InputError(name, "the server sends more than the \(limit) bytes that it spoke of")
    }
    try descriptor.write(bytes, at: count)
    count += bytes.count
    progress = max(progress, count - initialCount)
    onChange(count)
  }

  /// - Throws: where an answer has ended before the file.
  func requireWhole() throws {
    guard let total = byteCount ?? announcedCount, count < total else { return }
    throw HTTPFailure.broken("the answer ended after \(count) of \(total) bytes")
  }

  /// Forgets what is here.
  func reset() throws(InputError) {
    try descriptor.resize(byteCount: 0)
    count = 0
    onChange(0)
  }

  func remove() { Folder.remove(path) }

  /// Flushes the file to the disk and gives it its name.
  func finish(as path: String) throws(InputError) {
    try descriptor.synchronize()
    try AtomicFile.rename(self.path, to: path)
  }
}
