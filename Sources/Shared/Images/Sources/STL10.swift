import Files

/// STL-10 in its binary form (https://cs.stanford.edu/~acoates/stl10/): three planes of 96 x 96 pixels, column by
/// column, and the labels, from 1, in a file of their own. The unlabelled images have none.
struct STL10: ImageSource {
  private static let side = 96
  private static let imageCounts = ["train": 5000, "test": 8000, "unlabeled": 100_000]

  let kind = "STL-10"
  let split: String?
  let classNames: [String]
  private(set) var entries: [ImageDataset.Entry] = []
  private let images: RecordFile

  /// - Parameters:
  ///   - folder: `stl10_binary`, by whatever name.
  ///   - split: `train`, `test` or `unlabeled`.
  init(folder: String, split: String?) throws(InputError) {
    let split = try RecordFile.split(split, among: ["train", "test", "unlabeled"], of: folder)
    self.split = split
    let (name, count) = (split + "_X.bin", Self.imageCounts[split]!)
    images = try RecordFile(
      folder: folder, name: name, count: count, recordByteCount: 3 * Self.side * Self.side)
    guard split != "unlabeled" else {
      classNames = []
      entries = (0..<count).map { .init(id: RecordFile.id(name, $0), label: -1, place: $0) }
      return
    }
    classNames = try NameFile.read(joined(folder, "class_names.txt"), count: 10)
    let labels = try RecordFile(folder: folder, name: split + "_y.bin", count: count, recordByteCount: 1)
    for record in 0..<count {
      let label = try labels.label(record, at: 0, first: 1, classCount: classNames.count)
      entries.append(.init(id: RecordFile.id(name, record), label: label, place: record))
    }
  }

  func content(of entry: ImageDataset.Entry) throws(InputError) -> ImageContent {
    images[entry.place].withBytes { planes in
      .pixels(
        RGBImage(planes: planes, height: Self.side, width: Self.side, rowStride: 1, columnStride: Self.side))
    }
  }
}
