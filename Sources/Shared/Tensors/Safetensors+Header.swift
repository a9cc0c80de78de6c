import Compute
import Files

extension Safetensors {
  /// The JSON part of a file: `{"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}`.
  struct Header {
    struct Entry {
      let elementType: ElementType
      let shape: [Int]
      /// The first byte and the one behind the last, counted from the header's end.
      let begin: Int
      let end: Int
    }

    private(set) var entries: [String: Entry] = [:]
    private(set) var metadata: [String: String] = [:]

    /// No published model has tensors of more axes than a handful.
    private static let mostAxes = 64
    /// Of tensors, and of texts beside them: far above what any model has.
    private static let mostEntries = 1 << 18

    init(_ text: UnsafeRawBufferPointer) throws(JSONScanner.Malformed) {
      var scanner = JSONScanner(text)
      var entries: [String: Entry] = [:]
      var metadata: [String: String]?
      try scanner.object { (scanner, key) throws(JSONScanner.Malformed) in
        if key == "__metadata__" {
          guard metadata == nil else { throw scanner.malformed("__metadata__ is there twice") }
          metadata = try Self.readMetadata(&scanner)
        } else {
          let entry = try Self.readEntry(&scanner, shortened(key))
          guard entries.updateValue(entry, forKey: key) == nil else {
            throw scanner.malformed("the tensor \"\(shortened(key))\" is there twice")
          }
          guard entries.count <= Self.mostEntries else {
            throw scanner.malformed("it describes more than \(Self.mostEntries) tensors")
          }
        }
      }
      try scanner.end()
      self.entries = entries
      self.metadata = metadata ?? [:]
    }

    private static func readMetadata(
      _ scanner: inout JSONScanner
    ) throws(JSONScanner.Malformed) -> [String: String] {
      var metadata: [String: String] = [:]
      try scanner.object { (scanner, key) throws(JSONScanner.Malformed) in
        guard metadata.updateValue(try scanner.string(), forKey: key) == nil else {
          throw scanner.malformed("the metadata key \"\(shortened(key))\" is there twice")
        }
        guard metadata.count <= Self.mostEntries else {
          throw scanner.malformed("it has more than \(Self.mostEntries) texts beside its tensors")
        }
      }
      return metadata
    }

    /// - Parameter name: the tensor's, for messages.
    private static func readEntry(
      _ scanner: inout JSONScanner, _ name: String
    ) throws(JSONScanner.Malformed) -> Entry {
      var typeName: String?
      var shape: [Int]?
      var offsets: [Int]?
      try scanner.object { (scanner, key) throws(JSONScanner.Malformed) in
        let isRepeated =
          switch key {
          case "dtype": typeName.replaces(try scanner.string())
          case "shape": shape.replaces(try scanner.integers(limit: mostAxes))
          case "data_offsets": offsets.replaces(try scanner.integers(limit: 2))
          default:
            throw scanner.malformed("the tensor \"\(name)\" has the unknown field \"\(shortened(key))\"")
          }
        if isRepeated { throw scanner.malformed("the tensor \"\(name)\" has the field \"\(key)\" twice") }
      }
      guard let typeName, let shape, let offsets else {
        throw scanner.malformed("the tensor \"\(name)\" lacks its dtype, shape or data_offsets")
      }
      guard let elementType = typeNames.first(where: { $0.name == typeName })?.type else {
        let known = typeNames.map(\.name).joined(separator: ", ")
        throw scanner.malformed(
          "the tensor \"\(name)\" has the element type \"\(shortened(typeName))\", which is not one of \(known)"
        )
      }
      let byteCount = try byteCount(shape, elementType, scanner, name)
      guard offsets.count == 2, offsets[0] >= 0, offsets[1] >= offsets[0] else {
        throw scanner.malformed("the tensor \"\(name)\" has the data_offsets \(offsets)")
      }
      guard offsets[1] - offsets[0] == byteCount else {
        throw scanner.malformed(
          "the tensor \"\(name)\" of \(typeName) \(shape) has \(offsets[1] - offsets[0]) bytes, not \(byteCount)"
        )
      }
      return Entry(elementType: elementType, shape: shape, begin: offsets[0], end: offsets[1])
    }

    /// The bytes of a tensor whose shape comes from outside. Axes of length 0 are left out of the check, so that no
    /// partial product of the axes overflows either.
    private static func byteCount(
      _ shape: [Int], _ elementType: ElementType, _ scanner: JSONScanner, _ name: String
    ) throws(JSONScanner.Malformed) -> Int {
      var product = elementType.byteCount
      for length in shape where length != 0 {
        let (next, overflows) = product.multipliedReportingOverflow(by: length)
        guard length > 0, !overflows else {
          throw scanner.malformed("the tensor \"\(name)\" has the impossible shape \(shape)")
        }
        product = next
      }
      return shape.contains(0) ? 0 : product
    }

    /// Checks that the tensors fill the data one after the other.
    func checkLayout(dataLength: Int, path: String) throws(InputError) {
      let ordered = entries.sorted {
        ($0.value.begin, $0.value.end, $0.key) < ($1.value.begin, $1.value.end, $1.key)
      }
      var position = 0
      for (name, entry) in ordered {
        guard entry.end <= dataLength else {
          throw InputError(
            path,
            "ends before the tensor \"\(shortened(name))\" does: \(entry.end) bytes of data are needed, "
              + "\(dataLength) are there", remedy: remedy)
        }
        guard entry.begin == position else {
          let fault = entry.begin < position ? "overlaps the one before it" : "leaves a gap before it"
          throw InputError(
            path,
            "has a damaged safetensors header: the tensor \"\(shortened(name))\" at byte \(entry.begin) of the data "
              + fault, remedy: remedy)
        }
        position = entry.end
      }
      guard position == dataLength else {
        throw InputError(
          path, "has \(dataLength - position) bytes behind its last tensor, where none belong", remedy: remedy
        )
      }
    }
  }
}

extension Optional {
  /// Sets the value; tells whether there was one.
  fileprivate mutating func replaces(_ value: Wrapped) -> Bool {
    defer { self = value }
    return self != nil
  }
}
