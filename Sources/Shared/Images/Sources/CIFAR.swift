import Files

/// CIFAR-10 and CIFAR-100 in their binary form (https://www.cs.toronto.edu/~kriz/cifar.html): records of a label, or a
/// coarse and a fine one, and three planes of 32 x 32 pixels. Of CIFAR-100 the fine labels are used.
struct CIFAR: ImageSource {
  enum Variant { case ten, hundred }

  private static let side = 32

  let kind: String
  let split: String?
  let classNames: [String]
  private(set) var entries: [ImageDataset.Entry] = []
  private var files: [RecordFile] = []
  private let variant: Variant

  /// - Parameters:
  ///   - folder: `cifar-10-batches-bin` or `cifar-100-binary`, by whatever name.
  ///   - split: `train` or `test`.
  init(_ variant: Variant, folder: String, split: String?) throws(InputError) {
    let split = try RecordFile.split(split, among: ["train", "test"], of: folder)
    self.variant = variant
    self.split = split
    kind = variant == .ten ? "CIFAR-10" : "CIFAR-100"
    classNames = try NameFile.read(joined(folder, variant.nameFile), count: variant.classCount)
    for name in variant.fileNames(split) {
      let file = try RecordFile(
        folder: folder, name: name, count: variant.recordCount(split),
        recordByteCount: variant.labelByteCount + 3 * Self.side * Self.side)
      for record in 0..<file.count {
        let label = try file.label(
          record, at: variant.labelByteCount - 1, classCount: variant.classCount)
        entries.append(.init(id: RecordFile.id(name, record), label: label, place: entries.count))
      }
      files.append(file)
    }
  }

  func content(of entry: ImageDataset.Entry) throws(InputError) -> ImageContent {
    let (file, record) = entry.place.quotientAndRemainder(dividingBy: files[0].count)
    return files[file][record].withBytes { bytes in
      .pixels(
        RGBImage(
          planes: UnsafeRawBufferPointer(rebasing: bytes[variant.labelByteCount...]), height: Self.side,
          width: Self.side, rowStride: Self.side, columnStride: 1))
    }
  }
}

extension CIFAR.Variant {
  fileprivate var classCount: Int { self == .ten ? 10 : 100 }
  fileprivate var labelByteCount: Int { self == .ten ? 1 : 2 }
  fileprivate var nameFile: String { self == .ten ? "batches.meta.txt" : "fine_label_names.txt" }

  fileprivate func fileNames(_ split: String) -> [String] {
    switch self {
    case .ten where split == "train": (1...5).map { "data_batch_\($0).bin" }
    case .ten: ["test_batch.bin"]
    case .hundred: [split + ".bin"]
    }
  }

  /// Of each file.
  fileprivate func recordCount(_ split: String) -> Int {
    self == .hundred && split == "train" ? 50_000 : 10_000
  }
}
