import Files

/// A source whose images are files of their own, and whose ids are their paths.
protocol ImageFileSource: ImageSource {
  /// The folder that paths start from; empty for the working one.
  var root: String { get }
}

extension ImageFileSource {
  func content(of entry: ImageDataset.Entry) throws(InputError) -> ImageContent {
    let path = joined(root, entry.id)
    return .encoded(FileSlice(try MappedFile(path)), subject: path)
  }

  /// A file that cannot be read is told of when its turn comes.
  func prefetch(_ entry: ImageDataset.Entry) {
    if let file = try? MappedFile(joined(root, entry.id)) { FileSlice(file).prefetch() }
  }
}
