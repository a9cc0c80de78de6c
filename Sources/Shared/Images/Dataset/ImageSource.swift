import Files

/// One kind of place that the images of a data set lie in. Any number of threads may ask for images at once.
protocol ImageSource: Sendable {
  /// What the kind is called, as in "PATH: a folder of images".
  var kind: String { get }
  /// The part of the data set that was chosen, by the source's own name for it.
  var split: String? { get }
  /// In the order of their labels; empty where no image is labelled.
  var classNames: [String] { get }
  /// In the order of their rows.
  var entries: [ImageDataset.Entry] { get }

  /// - Throws: ``InputError`` where the image cannot be read at all. What was read may still not be an image.
  func content(of entry: ImageDataset.Entry) throws(InputError) -> ImageContent

  /// Asks the operating system to read an image's file or part of one that is still on a disk, and does not wait for it.
  func prefetch(_ entry: ImageDataset.Entry)
}

extension ImageSource {
  var split: String? { nil }

  func prefetch(_ entry: ImageDataset.Entry) {}
}
