import Compute
import Files

/// Named tensors in a file that holds nothing but numbers and names, as the `safetensors` library (Hugging Face) reads
/// and writes it: eight bytes with the header's length, the header in JSON, the tensors' bytes one after the other.
public enum Safetensors {
  /// What a file holds. The tensors' bytes stay in the mapped file, which lives as long as any of them.
  public struct File: Sendable {
    public let tensors: [String: Tensor]
    /// Text that the writer put beside the tensors (`__metadata__`).
    public let metadata: [String: String]

    public init(tensors: [String: Tensor], metadata: [String: String] = [:]) {
      self.tensors = tensors
      self.metadata = metadata
    }
  }

  /// The longest header that the reference implementation reads, in bytes.
  static let longestHeader = 100_000_000

  /// The element types by their names in a header, in the order in which the reference implementation writes tensors.
  static let typeNames: [(type: ElementType, name: String)] = [
    (.int64, "I64"), (.float64, "F64"), (.float32, "F32"), (.int32, "I32"), (.bfloat16, "BF16"),
    (.float16, "F16"),
    (.int16, "I16"), (.int8, "I8"), (.uint8, "U8"), (.bool, "BOOL"),
  ]

  /// Maps a file and checks all of its header; copies none of its tensors.
  ///
  /// - Throws: ``InputError`` where the header is damaged, or where the tensors do not fill the rest of the file one
  ///   after the other, without gap or overlap.
  public static func read(_ path: String) throws(InputError) -> File {
    try read(MappedFile(path))
  }

  /// As ``read(_:)-(String)``, from a file that is mapped already.
  public static func read(_ file: MappedFile) throws(InputError) -> File {
    let headerLength = try headerLength(of: file)
    let text = UnsafeRawBufferPointer(rebasing: file.bytes[8..<8 + headerLength])
    let header: Header
    do throws(JSONScanner.Malformed) {
      header = try Header(text)
    } catch {
      throw InputError(
        file.path, "has a damaged safetensors header: \(error.reason) (byte \(8 + error.offset))",
        remedy: remedy)
    }
    let dataStart = 8 + headerLength
    try header.checkLayout(dataLength: file.bytes.count - dataStart, path: file.path)
    return File(
      tensors: header.entries.mapValues { entry in
        Tensor(
          mapping: file, offset: dataStart + entry.begin, elementType: entry.elementType, shape: entry.shape)
      },
      metadata: header.metadata)
  }

  static let remedy = "copy or download the file again"

  private static func headerLength(of file: MappedFile) throws(InputError) -> Int {
    guard file.bytes.count > 0 else { throw InputError(file.path, "is empty", remedy: remedy) }
    guard file.bytes.count >= 8 else {
      throw InputError(
        file.path, "has \(file.bytes.count) bytes, too few for a safetensors file", remedy: remedy)
    }
    let length = UInt64(littleEndian: file.bytes.loadUnaligned(as: UInt64.self))
    guard length <= UInt64(longestHeader) else {
      throw InputError(
        file.path,
        "is no safetensors file: its header would be \(length) bytes long, and the longest one is "
          + "\(longestHeader)")
    }
    guard Int(length) <= file.bytes.count - 8 else {
      throw InputError(
        file.path,
        "ends in its safetensors header: \(length) bytes are announced, \(file.bytes.count - 8) there",
        remedy: remedy)
    }
    return Int(length)
  }
}
