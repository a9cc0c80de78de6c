import Files
import Images
import Testing

/// The entries of a data set, as in "3 cat/1.jpg".
func rows(_ dataset: ImageDataset) -> [String] { dataset.entries.map { "\($0.label) \($0.id)" } }

/// The bytes of the file that a data set holds for a row.
func fileContents(_ dataset: ImageDataset, _ row: Int) throws -> [UInt8] {
  guard case .encoded(let file, _) = try dataset.content(of: dataset.entries[row]) else {
    throw InputError("row \(row)", "holds pixels and not a file")
  }
  return file.withBytes { Array($0) }
}

/// The error that opening a data set ends with.
func openingError(
  _ path: String, format: DatasetFormat? = nil, split: String? = nil, imageRoot: String? = nil,
  classNameFile: String? = nil
) -> InputError? {
  do {
    _ = try ImageDataset(
      path: path, format: format, split: split, imageRoot: imageRoot, classNameFile: classNameFile)
    return nil
  } catch {
    return error
  }
}
