/// Writes pickles, good and bad ones, instruction by instruction.
struct PickleBuilder {
  var bytes: [UInt8] = [0x80, 2]

  /// Instructions by their letters, such as `}` for an empty dictionary or `.` for the end.
  mutating func instructions(_ letters: String) { bytes.append(contentsOf: letters.utf8) }

  mutating func raw(_ instructions: [UInt8]) { bytes.append(contentsOf: instructions) }

  mutating func text(_ text: String) {
    raw([0x58] + littleEndian(UInt32(text.utf8.count)) + Array(text.utf8))
  }

  mutating func integer(_ value: Int) {
    raw([0x8A, 8] + littleEndian(UInt64(bitPattern: Int64(value))))
  }

  mutating func global(_ module: String, _ name: String) { instructions("c\(module)\n\(name)\n") }

  mutating func tuple(_ values: [Int]) {
    instructions("(")
    for value in values { integer(value) }
    instructions("t")
  }

  /// `_rebuild_tensor_v2(storage, offset, size, stride, False, OrderedDict())`.
  mutating func tensor(
    storageType: String = "FloatStorage", key: String, elementCount: Int, offset: Int = 0, shape: [Int],
    strides: [Int]
  ) {
    global("torch._utils", "_rebuild_tensor_v2")
    instructions("((")
    text("storage")
    global("torch", storageType)
    text(key)
    text("cpu")
    integer(elementCount)
    instructions("tQ")
    integer(offset)
    tuple(shape)
    tuple(strides)
    raw([0x89])
    global("collections", "OrderedDict")
    instructions(")RtR")
  }

  /// The bytes of a pickle that holds one weight, under a name that is looked at first.
  static func holding(_ makeValue: (inout PickleBuilder) -> Void) -> [UInt8] {
    var builder = PickleBuilder()
    builder.instructions("}(")
    builder.text("pos_embed")
    builder.tensor(key: "0", elementCount: 1, shape: [1], strides: [1])
    builder.text("patch_embed.proj.weight")
    makeValue(&builder)
    builder.instructions("u.")
    return builder.bytes
  }
}

func littleEndian<Integer: FixedWidthInteger>(_ value: Integer) -> [UInt8] {
  withUnsafeBytes(of: value.littleEndian) { Array($0) }
}
