import Files

/// A model of the hub, in the cache or on its way there.
struct HubModel {
  let reference: HubReference
  let cache: HubCache

  /// Weights in the cache.
  struct Cached {
    let commit: String
    /// The path in the repository.
    let weights: String
    let path: String
    /// Whether the model's settings are there too, or it is known to have none.
    let hasConfiguration: Bool
  }

  /// What the cache has; nil where that is not all of the weights.
  func cached() -> Cached? {
    guard let commit = cache.commit(of: reference) else { return nil }
    let snapshot = cache.snapshot(reference.repository, commit: commit)
    let folder = RelativePath.folder(of: reference.file ?? "")
    guard let names = try? Folder.fileNames(snapshot + "/" + folder) else { return nil }
    let files = Set(names.map { folder + $0 }.filter { Folder.containsFile(snapshot + "/" + $0) })
    guard let weights = try? WeightFiles.choose(among: files, wanted: reference.file, subject: "") else {
      return nil
    }
    let path = snapshot + "/" + weights
    if WeightFiles.isIndex(weights) {
      guard let parts = try? WeightFiles.parts(ofIndex: path), parts.allSatisfy(Folder.containsFile) else {
        return nil
      }
    }
    let configurations = WeightFiles.configurations(beside: weights)
    return Cached(
      commit: commit, weights: weights, path: path,
      hasConfiguration: configurations.contains(where: files.contains)
        || cache.isKnownMissing(configurations[0], reference.repository, commit: commit))
  }

  /// Downloads what the cache lacks.
  ///
  /// - Returns: the commit and the path of the weights, or of their index.
  func fetch(
    _ client: HubClient, onEvent: @escaping (DownloadEvent) -> Void
  ) throws -> (commit: String, path: String) {
    let listing = try client.listing()
    let weights = try WeightFiles.choose(
      among: listing.files, wanted: reference.file, subject: "\(reference)")
    let configurations = WeightFiles.configurations(beside: weights)
    let download = HubDownload(
      client: client, cache: cache, commit: listing.commit, onEvent: onEvent)
    try download.fetch(configurations.filter(listing.files.contains) + [weights])
    let snapshot = cache.snapshot(reference.repository, commit: listing.commit) + "/"
    let path = snapshot + weights
    if WeightFiles.isIndex(weights) {
      let parts = try WeightFiles.parts(ofIndex: path).map { String($0.dropFirst(snapshot.count)) }
      if let missing = parts.first(where: { !listing.files.contains($0) }) {
        throw InputError("\(reference)", "has no file '\(missing)', which \(weights) lists")
      }
      try download.fetch(parts)
    }
    if !listing.files.contains(configurations[0]) {
      try cache.noteMissing(configurations[0], reference.repository, commit: listing.commit)
    }
    // Last, so that a revision never leads to a snapshot that is not whole.
    try cache.setCommit(listing.commit, of: reference)
    return (listing.commit, path)
  }
}
