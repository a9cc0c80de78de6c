import Files

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What a folder holds, in the order of the names' code points. Symbolic links are followed.
struct FolderListing {
  let path: String
  /// Names of folders.
  private(set) var folders: [String] = []
  /// Names of everything else.
  private var files: [[UInt8]] = []

  /// - Throws: ``InputError`` where the path is no folder that can be read, or holds a folder whose name is not UTF-8.
  init(_ path: String) throws(InputError) {
    self.path = path
    guard let stream = opendir(path) else {
      let number = errno
      if number == ENOTDIR { throw InputError(path, "is a file, not a folder of images") }
      throw InputError(path, "cannot read the folder: \(systemErrorText(number))")
    }
    defer { closedir(stream) }
    while let name = try nextName(stream) {
      if name == [UInt8(ascii: ".")] || name == [UInt8(ascii: "."), UInt8(ascii: ".")] { continue }
      if isFolder(name, in: stream) {
        folders.append(try text(name))
      } else {
        files.append(name)
      }
    }
    folders.sort { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    files.sort { $0.lexicographicallyPrecedes($1) }
  }

  /// The names of the files with an image's ending.
  ///
  /// - Throws: ``InputError`` where such a name is not UTF-8.
  func images() throws(InputError) -> [String] {
    var images: [String] = []
    for name in files where Self.hasImageEnding(name) { images.append(try text(name)) }
    return images
  }

  /// The names of the tar archives.
  ///
  /// - Throws: ``InputError`` where such a name is not UTF-8.
  func shards() throws(InputError) -> [String] {
    var shards: [String] = []
    for name in files where name.suffix(4).elementsEqual(".tar".utf8) { shards.append(try text(name)) }
    return shards
  }

  /// Whether there is a file of that name.
  func holds(_ file: String) -> Bool { files.contains { $0.elementsEqual(file.utf8) } }

  private static let endings = ImageFolder.imageEndings.map { Array($0.utf8) }

  private static func hasImageEnding(_ name: [UInt8]) -> Bool {
    let ending = name.suffix(endings.map(\.count).max()!).map { (65...90).contains($0) ? $0 + 32 : $0 }
    return endings.contains { ending.count >= $0.count && ending.suffix($0.count).elementsEqual($0) }
  }

  private func nextName(_ stream: DirectoryStream) throws(InputError) -> [UInt8]? {
    errno = 0
    guard let entry = readdir(stream) else {
      if errno != 0 { throw InputError(path, "cannot read the folder: \(systemErrorText())") }
      return nil
    }
    let name = UnsafeRawPointer(entry) + MemoryLayout<dirent>.offset(of: \.d_name)!
    return Array(UnsafeRawBufferPointer(start: name, count: strlen(name.assumingMemoryBound(to: CChar.self))))
  }

  /// Links that lead nowhere count as files, which then cannot be opened.
  private func isFolder(_ name: [UInt8], in stream: DirectoryStream) -> Bool {
    var status = stat()
    let result = (name + [0]).withUnsafeBytes {
      fstatat(dirfd(stream), $0.baseAddress!.assumingMemoryBound(to: CChar.self), &status, 0)
    }
    return result == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// A name as text. Rows are identified by UTF-8 paths, so another encoding would be lost in a cache.
  private func text(_ name: [UInt8]) throws(InputError) -> String {
    if let text = String(validating: name, as: UTF8.self) { return text }
    let readable = name.map { $0 < 0x80 ? String(UnicodeScalar($0)) : "\\x" + String($0, radix: 16) }.joined()
    throw InputError("\(path)/\(readable)", "has a name that is not UTF-8", remedy: "rename it")
  }
}

#if canImport(Darwin)
  private typealias DirectoryStream = UnsafeMutablePointer<DIR>
#else
  private typealias DirectoryStream = OpaquePointer
#endif

/// What makes a folder the same under every path that leads to it.
struct FileIdentity: Hashable {
  private let device: UInt64
  private let number: UInt64

  /// - Returns: nil where there is no folder.
  init?(_ path: String) {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return nil }
    device = UInt64(truncatingIfNeeded: status.st_dev)
    number = UInt64(truncatingIfNeeded: status.st_ino)
  }
}

/// The folder of a class, searched at any depth.
struct ClassFolder {
  let root: String
  let name: String

  /// - Returns: the images' paths relative to the root, ordered by folder, then by name, as `sorted(os.walk(...))`.
  func imagePaths() throws(InputError) -> [String] {
    var folders: [(path: String, images: [String])] = []
    var around: Set<FileIdentity> = []
    try collect(name, around: &around, into: &folders)
    folders.sort { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
    return folders.flatMap { folder in folder.images.map { folder.path + "/" + $0 } }
  }

  /// - Parameter around: the folders that hold this one. Only links lead from a folder back to one of them.
  private func collect(
    _ folder: String, around: inout Set<FileIdentity>, into folders: inout [(path: String, images: [String])]
  ) throws(InputError) {
    let path = root + "/" + folder
    guard let identity = FileIdentity(path) else { throw InputError(path, "cannot be read as a folder") }
    guard around.insert(identity).inserted else {
      throw InputError(path, "is a symbolic link back to a folder around it", remedy: "remove the link")
    }
    let listing = try FolderListing(path)
    folders.append((folder, try listing.images()))
    for inner in listing.folders { try collect(folder + "/" + inner, around: &around, into: &folders) }
    around.remove(identity)
  }
}
