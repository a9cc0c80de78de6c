import Compute
import Files

/// The images of a data set, wherever they lie: which there are, in the order of their rows, their classes, and what is
/// held of each. Any number of threads may ask for images at once.
public struct ImageDataset: CustomStringConvertible, Sendable {
  public struct Entry: Equatable, Sendable {
    /// Names the image within the data set, with `/` between folders; never an absolute path.
    public let id: String
    /// The index of the class, -1 where there is none.
    public let label: Int32
    /// Its place in the whole data set, from 0, whichever part of it was chosen.
    public let place: Int
  }

  /// Where the data set lies.
  public let path: String
  /// In the order of their labels; empty where no image is labelled.
  public let classNames: [String]
  /// In the order of their rows.
  public let entries: [Entry]
  private let source: any ImageSource

  /// Opens a data set and lists its images.
  ///
  /// - Parameters:
  ///   - format: what lies there; nil to tell by the contents.
  ///   - split: the part to use, such as "train"; each kind of source says what its splits are.
  ///   - imageRoot: the folder that a list's paths start from; nil for the list's own.
  ///   - classNameFile: the names of classes that a source only numbers, one a line.
  ///   - parallel: the threads that look at many files side by side.
  /// - Throws: ``InputError`` where there is no such data set or split, and where what is there is damaged or ambiguous.
  public init(
    path: String, format: DatasetFormat? = nil, split: String? = nil, imageRoot: String? = nil,
    classNameFile: String? = nil, parallel: Parallel = Parallel()
  ) throws(InputError) {
    var path = path
    while path.utf8.count > 1, path.hasSuffix("/") { path.removeLast() }
    let format = if let format { format } else { try DatasetFormat(of: path, split: split) }
    let names = try classNameFile.map { (file) throws(InputError) in try NameFile.read(file) }
    if imageRoot != nil, format != .list {
      throw InputError("--image-root", "is meant for lists of images, and \(path) is none")
    }
    if names != nil, format != .list, format != .webdataset {
      throw InputError(
        "--class-names", "is meant for classes that are only numbered, and \(path) names its own")
    }
    let source: any ImageSource =
      switch format {
      case .folder: try ImageFolder(path: path, split: split)
      case .list:
        try ImageList(path: path, split: split, imageRoot: imageRoot, classNames: names, parallel: parallel)
      case .cifar10: try CIFAR(.ten, folder: path, split: split)
      case .cifar100: try CIFAR(.hundred, folder: path, split: split)
      case .stl10: try STL10(folder: path, split: split)
      case .webdataset: try WebDataset(path: path, split: split, classNames: names, parallel: parallel)
      }
    self.init(path: path, source: source, classNames: source.classNames, entries: source.entries)
  }

  private init(path: String, source: any ImageSource, classNames: [String], entries: [Entry]) {
    self.path = path
    self.source = source
    self.classNames = classNames
    self.entries = entries
  }

  /// The same data set with other images of it, or with other numbers for its classes.
  func with(classNames: [String], entries: [Entry]) -> ImageDataset {
    ImageDataset(path: path, source: source, classNames: classNames, entries: entries)
  }

  /// The part of the data set that was chosen, by the data set's own name for it.
  public var split: String? { source.split }

  /// What lies there and how much of it is used, on one line.
  public var description: String {
    let part = split.map { ", split \($0)" } ?? ""
    let whole = source.entries.count
    let count = entries.count == whole ? "\(whole)" : "\(entries.count) of \(whole)"
    let classes = classNames.isEmpty ? "without labels" : "in \(classNames.count) classes"
    return "\(path): \(source.kind)\(part), \(count) images \(classes)"
  }

  /// What the data set holds of an entry.
  ///
  /// - Throws: ``InputError`` where the image cannot be read at all. What was read may still not be an image.
  public func content(of entry: Entry) throws(InputError) -> ImageContent { try source.content(of: entry) }

  /// Asks the operating system to read what is still on a disk of an entry, and does not wait for it.
  public func prefetch(_ entry: Entry) { source.prefetch(entry) }
}
