import Files

/// Brings files of a repository into the cache.
struct HubDownload {
  let client: HubClient
  let cache: HubCache
  let commit: String
  let onEvent: (DownloadEvent) -> Void

  private var repository: Repository { client.reference.repository }

  /// A file that a snapshot lacks.
  private struct Missing {
    let path: String
    let description: HubClient.FileDescription
    let blob: String

    /// As huggingface_hub called it while it went on with such files.
    var part: String { blob + ".incomplete" }

    /// Whether the contents are here, under another name or for another commit.
    var isHere: Bool { Folder.containsFile(blob) && description.byteCount ?? size(blob) == size(blob) }

    var partByteCount: Int { min(size(part), description.byteCount ?? .max) }

    private func size(_ path: String) -> Int { (try? Descriptor(path, .read).size()) ?? 0 }
  }

  func fetch(_ files: [String]) throws {
    let snapshot = cache.snapshot(repository, commit: commit)
    let missing = try files.filter { !Folder.containsFile(snapshot + "/" + $0) }.map { file in
      let description = try client.description(of: file, commit: commit)
      return Missing(
        path: file, description: description, blob: cache.blob(repository, etag: description.etag))
    }
    let wanted = missing.filter { !$0.isHere }
    if !wanted.isEmpty { try download(wanted) }
    for file in missing {
      try cache.link(file.path, repository, commit: commit, etag: file.description.etag)
    }
  }

  private func download(_ files: [Missing]) throws {
    let sizes = files.map(\.description.byteCount)
    let total = sizes.contains(nil) ? nil : sizes.reduce(0) { $0 + $1! }
    let partByteCount = files.reduce(0) { $0 + $1.partByteCount }
    try Folder.create(cache.folder(of: repository) + "/blobs")
    if let total { try Folder.requireFreeSpace(total - partByteCount, in: cache.path) }
    onEvent(.started(name: "\(client.reference)", byteCount: total, alreadyDone: partByteCount))
    // A file's part counts before its turn, too.
    var counts = files.map(\.partByteCount)
    for (index, file) in files.enumerated() {
      try download(file) { count in
        counts[index] = count
        onEvent(.reached(counts.reduce(0, +)))
      }
    }
    onEvent(.finished)
  }

  private func download(_ file: Missing, onChange: @escaping (Int) -> Void) throws {
    let name = "\(client.reference): \(file.path)"
    let notice = { (text: String) in onEvent(.notice(text)) }
    let lock = try DownloadLock.acquire(
      cache.lock(repository, etag: file.description.etag), session: client.session,
      onWait: { notice("\(name): another process is downloading it; waiting") })
    try withExtendedLifetime(lock) {
      guard !file.isHere else { return onChange(file.description.byteCount ?? 0) }
      let part = try PartFile(
        file.part, name: name, byteCount: file.description.byteCount, basis: .hash,
        onChange: onChange)
      let source = FileDownload.Source(
        address: try client.address(of: file.path, commit: commit), secret: client.secret, name: name,
        byteCount: file.description.byteCount, hash: ContentHash(etag: file.description.etag))
      try FileDownload(
        source, part: part, session: client.session, onNotice: notice,
        explain: { client.explain($0, file: file.path) }
      ).run(to: file.blob)
    }
  }
}
