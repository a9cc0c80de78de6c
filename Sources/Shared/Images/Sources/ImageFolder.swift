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
struct ImageFolder: ImageFileSource {
  /// The folder that holds the classes or images: the split's, where one was chosen.
  let root: String
  let split: String?
  let classNames: [String]
  let entries: [ImageDataset.Entry]

  var kind: String { "a folder of images" }

  /// The endings of image files, in any case: torchvision's `IMG_EXTENSIONS`.
  static let imageEndings = [
    ".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp",
  ]

  /// Lists a folder.
  ///
  /// - Parameter split: the folder within it that holds the data set, such as "train".
  /// - Throws: ``InputError`` where there is no such folder, where it holds no images or a class holds none, and where
  ///   what it holds is ambiguous.
  init(path: String, split: String?) throws(InputError) {
    self.split = split
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
      entries = images.enumerated().map { .init(id: $1, label: -1, place: $0) }
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

  private static func root(_ path: String, _ split: String?) throws(InputError) -> String {
    guard let split else { return path }
    let folders = try FolderListing(path).folders
    let folder = path + "/" + split
    guard !split.isEmpty, FileIdentity(folder) != nil else {
      throw InputError(
        path, "holds no split named \"\(split)\"",
        remedy: folders.isEmpty ? "it holds no folders at all" : "it holds \(summary(folders))")
    }
    return folder
  }

  /// Folders named like splits, which hold folders and no images, are hardly classes: the split was forgotten.
  private static func refuseSplits(_ root: String, _ folders: [String]) throws(InputError) {
    guard folders.allSatisfy(SplitNames.usual.contains) else { return }
    for folder in folders {
      let listing = try FolderListing(root + "/" + folder)
      let images = try listing.images()
      if listing.folders.isEmpty || !images.isEmpty { return }
    }
    throw InputError(
      root, "holds splits (\(summary(folders))) and no classes", remedy: "choose one of them with --split")
  }

  private static func entries(
    _ root: String, _ classNames: [String]
  ) throws(InputError) -> [ImageDataset.Entry] {
    var entries: [ImageDataset.Entry] = []
    var emptyClasses: [String] = []
    for (label, name) in classNames.enumerated() {
      let images = try ClassFolder(root: root, name: name).imagePaths()
      if images.isEmpty { emptyClasses.append(name) }
      for image in images {
        entries.append(.init(id: image, label: Int32(label), place: entries.count))
      }
    }
    guard emptyClasses.isEmpty else {
      throw InputError(
        root,
        "holds no images in \(emptyClasses.count) of \(classNames.count) class folders: \(summary(emptyClasses))",
        remedy: "remove these folders; images end in \(imageEndings.joined(separator: ", "))")
    }
    return entries
  }
}
