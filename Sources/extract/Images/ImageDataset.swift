import Files

/// A folder of images, listed as torchvision's `ImageFolder` lists it, so that rows and labels are numbered alike.
///
/// A folder of folders is labelled: each folder is a class, numbered in the order of its name, and its images are
/// searched at any depth, through symbolic links as well. A folder without folders is unlabelled. Names are ordered by
/// Unicode code points, as Python orders them. Files count as images by their endings, whatever they hold.
///
/// Where torchvision would stay silent, this throws: images beside class folders (which it passes over), links that
/// lead back into a folder around them (whose images it lists over and over), folders that cannot be read (which it
/// passes over), and names that are not UTF-8.
public struct ImageDataset: Equatable, Sendable {
  public struct Entry: Equatable, Sendable {
    /// Relative to the data set's root, with `/` between folders.
    public let path: String
    /// The index of the class, -1 in an unlabelled folder.
    public let label: Int32
  }

  /// The folder that holds the classes or images: the split's, where one was chosen.
  public let root: String
  /// In the order of their labels; empty in an unlabelled folder.
  public let classNames: [String]
  /// In the order of their rows.
  public let entries: [Entry]

  /// The endings of image files, in any case: torchvision's `IMG_EXTENSIONS`.
  public static let imageEndings = [
    ".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp",
  ]

  /// Lists a folder.
  ///
  /// - Parameter split: the folder within it that holds the data set, such as "train".
  /// - Throws: ``InputError`` where there is no such folder, where it holds no images or a class holds none, and where
  ///   what it holds is ambiguous.
  public init(path: String, split: String? = nil) throws(InputError) {
    root = try Self.root(path, split)
    let listing = try FolderListing(root)
    let images = try listing.images()
    if listing.folders.isEmpty {
      guard !images.isEmpty else {
        throw InputError(
          root, "holds no images and no folders",
          remedy: "images end in \(Self.imageEndings.joined(separator: ", "))")
      }
      classNames = []
      entries = images.map { Entry(path: $0, label: -1) }
      return
    }
    if let image = images.first {
      throw InputError(
        root, "holds images (such as \(image)) beside folders (such as \(listing.folders[0]))",
        remedy: "keep class folders only, or images only")
    }
    classNames = listing.folders
    if split == nil { try Self.refuseSplits(root, classNames) }
    entries = try Self.entries(root, classNames)
  }

  /// The path under which an entry's file is opened.
  public func path(of entry: Entry) -> String {
    root.hasSuffix("/") ? root + entry.path : root + "/" + entry.path
  }

  /// The data set's folder, without a `/` at its end.
  private static func root(_ path: String, _ split: String?) throws(InputError) -> String {
    var root = path
    while root.count > 1, root.hasSuffix("/") { root.removeLast() }
    guard let split else { return root }
    let folders = try FolderListing(root).folders
    let folder = root + "/" + split
    guard !split.isEmpty, FileIdentity(folder) != nil else {
      throw InputError(
        root, "holds no split named \"\(split)\"",
        remedy: folders.isEmpty ? "it holds no folders at all" : "it holds \(summary(folders))")
    }
    return folder
  }

  /// Folders named like splits, which hold folders and no images, are hardly classes: the split was forgotten.
  private static func refuseSplits(_ root: String, _ folders: [String]) throws(InputError) {
    let splitNames = ["train", "val", "valid", "validation", "test"]
    guard folders.allSatisfy(splitNames.contains) else { return }
    for folder in folders {
      let listing = try FolderListing(root + "/" + folder)
      let images = try listing.images()
      if listing.folders.isEmpty || !images.isEmpty { return }
    }
    throw InputError(
      root, "holds splits (\(summary(folders))) and no classes", remedy: "choose one of them with --split")
  }

  private static func entries(_ root: String, _ classNames: [String]) throws(InputError) -> [Entry] {
    var entries: [Entry] = []
    var emptyClasses: [String] = []
    for (label, name) in classNames.enumerated() {
      let images = try ClassFolder(root: root, name: name).imagePaths()
      if images.isEmpty { emptyClasses.append(name) }
      entries.append(contentsOf: images.map { Entry(path: $0, label: Int32(label)) })
    }
    guard emptyClasses.isEmpty else {
      throw InputError(
        root,
        "holds no images in \(emptyClasses.count) of \(classNames.count) class folders: \(summary(emptyClasses))",
        remedy: "remove these folders; images end in \(imageEndings.joined(separator: ", "))")
    }
    return entries
  }

  private static func summary(_ names: [String]) -> String {
    names.prefix(10).joined(separator: ", ") + (names.count > 10 ? " and \(names.count - 10) more" : "")
  }
}
