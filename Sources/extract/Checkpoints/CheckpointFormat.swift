import Files

/// What kind of file a checkpoint is, told by its content: a file's ending says what somebody once called it.
enum CheckpointFormat: Equatable {
  /// `torch.save` since PyTorch 1.6.
  case zippedTorch
  /// `torch.save` before; its pickles begin at a byte of the file, behind the magic number.
  case legacyTorch(start: Int)
  case safetensors
  /// The list of the files that a checkpoint was split into.
  case index

  /// - Throws: ``InputError`` for every other kind of file, with what to do about it where it is a known one.
  init(_ file: MappedFile) throws(InputError) {
    let slice = FileSlice(file)
    if slice.starts(with: [0x50, 0x4B, 0x03, 0x04]) {
      self = .zippedTorch
    } else if let start = LegacyTorchFile.magicEnd(slice) {
      self = .legacyTorch(start: start)
    } else if Self.looksLikeSafetensors(slice) {
      self = .safetensors
    } else if slice.firstVisibleByte == UInt8(ascii: "{") {
      self = .index
    } else {
      throw Self.refusal(of: slice)
    }
  }

  /// A plausible length, then a header that begins with a brace.
  private static func looksLikeSafetensors(_ slice: FileSlice) -> Bool {
    guard let length = slice.integer(UInt64.self, at: 0), slice.byte(at: 8) == UInt8(ascii: "{") else {
      return false
    }
    return length < 1 << 48
  }

  private static func refusal(of slice: FileSlice) -> InputError {
    let path = slice.file.path
    if slice.count == 0 { return InputError(path, "is empty", remedy: downloadAgain) }
    for (signature, reason, remedy) in signatures where slice.starts(with: signature) {
      return InputError(path, reason, remedy: remedy)
    }
    if slice.slice(at: 257, count: 5)?.text == "ustar" {
      return InputError(path, "is a tar archive, as PyTorch before 0.1.10 wrote", remedy: saveAgain)
    }
    if startsLikeAPage(slice) {
      return InputError(
        path, "is a web page, not the checkpoint that it may link to", remedy: "download the file itself")
    }
    return InputError(
      path, "is no checkpoint: it is neither a file of torch.save nor safetensors",
      remedy: "if it should be one, copy or download it again")
  }

  private static let saveAgain =
    "load it with torch.load and save it again with torch.save, which writes the zip format since PyTorch 1.6"

  private static let signatures: [(signature: [UInt8], reason: String, remedy: String?)] = [
    ([0x80, 0x02], pickle, saveAgain), ([0x80, 0x03], pickle, saveAgain), ([0x80, 0x04], pickle, saveAgain),
    ([0x80, 0x05], pickle, saveAgain),
    (
      Array("version https://git-lfs.github.com/spec/".utf8),
      "is a Git LFS pointer, not the checkpoint itself", "fetch the file with git lfs pull"
    ),
    ([0x50, 0x4B, 0x05, 0x06], "is an empty zip file", downloadAgain),
    ([0x1F, 0x8B], "is compressed with gzip", "decompress it with gunzip"),
    ([0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A], "is an HDF5 file, not a checkpoint of PyTorch", nil),
    ([0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59], "is a NumPy array, not a checkpoint of PyTorch", nil),
  ]

  private static let pickle = "is a bare pickle, which holds no tensors in a form that can be read safely"

  private static func startsLikeAPage(_ slice: FileSlice) -> Bool {
    guard let head = slice.slice(at: 0, count: min(slice.count, 512)) else { return false }
    let text = head.withBytes { String(decoding: $0, as: UTF8.self) }.lowercased().drop(while: \.isWhitespace)
    return ["<!doctype", "<html", "<?xml"].contains { text.hasPrefix($0) }
  }
}

extension FileSlice {
  /// What a text begins with, behind white space.
  fileprivate var firstVisibleByte: UInt8? {
    withBytes { bytes in bytes.prefix(512).first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) } }
  }
}
