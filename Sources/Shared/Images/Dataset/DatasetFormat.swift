import Files

/// The kinds of data sets that are read.
public enum DatasetFormat: String, CaseIterable, Sendable {
  case folder, list, cifar10, cifar100, stl10, webdataset

  /// Tells by a file's name and first bytes, or by what a folder holds. What is not there at all counts as a folder,
  /// which then says so.
  ///
  /// - Parameter split: a folder below the path, or shards in it, that are to be looked at.
  public init(of path: String, split: String? = nil) throws(InputError) {
    if FileIdentity(path) != nil {
      self = try Self.ofFolder(path, split)
    } else if !Folder.contains(path) {
      self = BracePattern.isPattern(path) ? .webdataset : .folder
    } else {
      self = try Self.ofFile(path)
    }
  }

  private static func ofFile(_ path: String) throws(InputError) -> DatasetFormat {
    let name = path.split(separator: "/").last?.lowercased() ?? ""
    if name.hasSuffix(".csv") || name.hasSuffix(".tsv") { return .list }
    // Compressed archives are told so by the reader of archives.
    if name.hasSuffix(".tar") || name.contains(".tar.") || name.hasSuffix(".tgz") { return .webdataset }
    if TarReader.isArchive(try MappedFile(path)) { return .webdataset }
    throw InputError(
      path, "is neither a folder of images nor a tar archive, and is not named .csv or .tsv as a list",
      remedy: "say what it is with --data-format")
  }

  private static func ofFolder(_ path: String, _ split: String?) throws(InputError) -> DatasetFormat {
    let listing = try FolderListing(path)
    func holds(_ names: String...) -> Bool { names.contains(where: listing.holds) }
    if holds("data_batch_1.bin", "test_batch.bin") { return .cifar10 }
    if holds("train.bin", "test.bin"), holds("fine_label_names.txt") { return .cifar100 }
    if holds("train_X.bin", "test_X.bin", "unlabeled_X.bin") { return .stl10 }
    if let split, !split.isEmpty, FileIdentity(path + "/" + split) != nil {
      return try isShards(FolderListing(path + "/" + split)) ? .webdataset : .folder
    }
    return try isShards(listing) ? .webdataset : .folder
  }

  /// Archives beside class folders are those that the folders were unpacked from. Downloads leave hidden folders.
  private static func isShards(_ listing: FolderListing) throws(InputError) -> Bool {
    let (shards, images) = try (listing.shards(), listing.images())
    return !shards.isEmpty && images.isEmpty && listing.folders.allSatisfy { $0.hasPrefix(".") }
  }
}
