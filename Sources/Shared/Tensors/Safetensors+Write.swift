import Compute
import Files

extension Safetensors {
  /// Writes a file that is either wholly there or not at all. The same tensors give the same bytes.
  ///
  /// They are the bytes of the reference implementation: tensors of wider elements first, so that each is aligned in
  /// the file, those of one type in the order of their names, and spaces that pad the header to eight bytes.
  ///
  /// - Throws: ``InputError`` where the file cannot be written.
  public static func write(
    _ tensors: [String: Tensor], metadata: [String: String] = [:], to path: String
  ) throws(InputError) {
    precondition(tensors["__metadata__"] == nil, "no tensor may be called __metadata__")
    let ordered = typeNames.flatMap { type, _ in
      tensors.filter { $0.value.elementType == type }.sorted { $0.key < $1.key }
    }
    let header = header(
      ordered.map { ($0.key, $0.value.elementType, $0.value.shape) }, metadata: metadata)
    try AtomicFile.write(to: path) { (descriptor) throws(InputError) in
      try descriptor.write(header, at: 0)
      var offset = header.count
      for (_, tensor) in ordered {
        try tensor.withBytes { (bytes) throws(InputError) in try descriptor.write(bytes, at: offset) }
        offset += tensor.byteCount
      }
    }
  }

  /// What a file begins with, its length first; for those who write the tensors' bytes behind it piece by piece.
  ///
  /// - Parameter tensors: in the order of their bytes, those of wider elements first.
  public static func header(
    _ tensors: [(name: String, elementType: ElementType, shape: [Int])], metadata: [String: String] = [:]
  ) -> [UInt8] {
    var fields: [String] = []
    if !metadata.isEmpty {
      let pairs = metadata.sorted { $0.key < $1.key }.map { "\(quoted($0.key)):\(quoted($0.value))" }
      fields.append("\"__metadata__\":{\(pairs.joined(separator: ","))}")
    }
    var offset = 0
    for (name, elementType, shape) in tensors {
      let type = typeNames.first { $0.type == elementType }!.name
      let end = offset + shape.reduce(elementType.byteCount, *)
      let axes = shape.map(String.init).joined(separator: ",")
      fields.append(
        "\(quoted(name)):{\"dtype\":\"\(type)\",\"shape\":[\(axes)],\"data_offsets\":[\(offset),\(end)]}")
      offset = end
    }
    var text = Array("{\(fields.joined(separator: ","))}".utf8)
    text.append(contentsOf: repeatElement(UInt8(ascii: " "), count: (8 - text.count % 8) % 8))
    return withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) } + text
  }

  /// A JSON string.
  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case "\u{8}": result += "\\b"
      case "\u{C}": result += "\\f"
      case "\u{0}"..<"\u{20}":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
