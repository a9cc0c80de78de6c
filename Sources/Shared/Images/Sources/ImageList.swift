import Compute
import Files

/// A list of image files with their labels, as comma- or tab-separated values.
///
/// The first record is a header if one of its fields is the name of a column, such as `path` or `label`; other columns
/// are passed over. Without a header the first column holds paths, and the second, where there is one, labels. Labels
/// are numbers or names of classes, numbered in the order of their code points. The label -1 is none.
struct ImageList: ImageFileSource {
  let kind = "a list of images"
  let classNames: [String]
  let entries: [ImageDataset.Entry]
  let root: String

  /// - Parameters:
  ///   - imageRoot: the folder that paths start from; nil for the list's own.
  ///   - classNames: all classes in the order of their labels, where the list's own labels are not to tell.
  ///   - parallel: the threads that look whether files are there, which takes long on a network.
  /// - Throws: ``InputError`` that names the line, where a record is not like the first, a path is unfit to be an id,
  ///   listed before or leads to no file, or a label is no class.
  init(
    path: String, split: String?, imageRoot: String?, classNames: [String]?, parallel: Parallel
  ) throws(InputError) {
    guard split == nil else {
      throw InputError(
        path, "is a list, which has no splits", remedy: "give the split's own list, and no --split")
    }
    root = imageRoot ?? folder(of: path)
    var records = try Records(path)
    var paths: [String] = []
    var lines: [Int] = []
    var labels = ListedLabels(areNamed: classNames != nil)
    var seen: Set<[UInt8]> = []
    while let record = try records.next() {
      let subject = "\(path), line \(record.line)"
      if let fault = RelativePath.fault(of: record.path) {
        throw InputError(
          subject, "the path \"\(record.path)\" \(fault)", remedy: "give paths below --image-root")
      }
      let image = RelativePath.canonical(record.path)
      guard seen.insert(Array(image.utf8)).inserted else {
        throw InputError(subject, "lists \(image) a second time")
      }
      try labels.append(record.label, subject: subject)
      paths.append(image)
      lines.append(record.line)
    }
    guard !paths.isEmpty else { throw InputError(path, "lists no images") }
    try Self.requireFiles(paths, in: root, list: path, lines: lines, parallel)
    let classes = try labels.classes(given: classNames, subject: path)
    self.classNames = classes.classNames
    entries = paths.indices.map { .init(id: paths[$0], label: classes.values[$0], place: $0) }
  }

  private static func requireFiles(
    _ paths: [String], in root: String, list: String, lines: [Int], _ parallel: Parallel
  ) throws(InputError) {
    _ = try parallel.map(paths.count) { (index) throws(InputError) in
      let path = joined(root, paths[index])
      guard !Folder.containsFile(path) else { return }
      throw InputError(
        "\(list), line \(lines[index])",
        Folder.contains(path) ? "\(path) is not a regular file" : "\(path) does not exist",
        remedy: "say where paths start with --image-root")
    }
  }
}

/// The records of a list, behind its header.
private struct Records {
  private static let pathNames: Set = [
    "path", "filepath", "file_path", "file", "filename", "file_name", "image", "image_path", "img_path",
  ]
  private static let labelNames: Set = ["label", "labels", "class", "class_name", "target", "category"]

  private let path: String
  private var text: DelimitedText
  /// Read before the others, to find the columns.
  private var first: (line: Int, fields: [String])?
  private let columnCount: Int
  private let pathColumn: Int
  private let labelColumn: Int?

  init(_ path: String) throws(InputError) {
    self.path = path
    let file = try MappedFile(path)
    text = DelimitedText(file, delimiter: DelimitedText.delimiter(of: file))
    first = try text.next()
    let fields = first?.fields ?? [""]
    let names = fields.map { $0.lowercased() }
    columnCount = fields.count
    let labelNamed = names.firstIndex(where: Self.labelNames.contains)
    if let column = names.firstIndex(where: Self.pathNames.contains) {
      (pathColumn, labelColumn, first) = (column, labelNamed, nil)
    } else if labelNamed != nil {
      throw InputError(path, "has a header (\(summary(fields))) and no column \"path\"")
    } else {
      guard fields.count <= 2 else {
        throw InputError(
          path, "has \(fields.count) columns and no header", remedy: "name its columns \"path\" and \"label\""
        )
      }
      (pathColumn, labelColumn) = (0, fields.count == 2 ? 1 : nil)
    }
  }

  mutating func next() throws(InputError) -> (line: Int, path: String, label: String?)? {
    let record = if let first { first } else { try text.next() }
    first = nil
    guard let (line, fields) = record else { return nil }
    guard fields.count == columnCount else {
      throw InputError(
        "\(path), line \(line)", "has \(fields.count) fields, and the first line \(columnCount)")
    }
    return (line, fields[pathColumn], labelColumn.map { fields[$0] })
  }
}
