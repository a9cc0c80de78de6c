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

  /// The part of a storage that an old file's tensor sees, in elements.
  struct View {
    let offset: Int
    let count: Int
  }

  /// `_rebuild_tensor_v2(storage, offset, size, stride, False, OrderedDict())`.
  mutating func tensor(
    storageType: String = "FloatStorage", key: String, elementCount: Int, view: View? = nil, offset: Int = 0,
    shape: [Int], strides: [Int]
  ) {
    global("torch._utils", "_rebuild_tensor_v2")
    instructions("((")
    text("storage")
    global("torch", storageType)
    text(key)
    text("cpu")
    integer(elementCount)
    if let view {
      instructions("(")
      text("\(key):\(view.offset)")
      integer(view.offset)
      integer(view.count)
      instructions("t")
    }
    instructions("tQ")
    integer(offset)
    tuple(shape)
    tuple(strides)
    raw([0x89])
    global("collections", "OrderedDict")
    instructions(")RtR")
  }

  /// The bytes of a pickle of a dictionary with one entry.
  static func dictionary(_ makeEntry: (inout PickleBuilder) -> Void) -> [UInt8] {
    var builder = PickleBuilder()
    builder.instructions("}(")
    makeEntry(&builder)
    builder.instructions("u.")
    return builder.bytes
  }

  /// The bytes of a pickle of a model of width 1, in which every weight but one is made of the one value of storage 0.
  static func smallModel(
    replacing name: String, with makeValue: (inout PickleBuilder) -> Void
  ) -> [UInt8] {
    var shapes = Dictionary(
      uniqueKeysWithValues: [
        "norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias", "attn.proj.bias", "mlp.fc1.bias",
        "mlp.fc2.bias",
      ].map { ("blocks.0.\($0)", [1]) })
    shapes["norm.weight"] = [1]
    shapes["norm.bias"] = [1]
    shapes["patch_embed.proj.bias"] = [1]
    shapes["patch_embed.proj.weight"] = [1, 3, 1, 1]
    shapes["pos_embed"] = [1, 1, 1]
    shapes["blocks.0.attn.qkv.weight"] = [3, 1]
    for layer in ["attn.proj", "mlp.fc1", "mlp.fc2"] { shapes["blocks.0.\(layer).weight"] = [1, 1] }
    return dictionary { builder in
      for (key, shape) in shapes.sorted(by: { $0.key < $1.key }) {
        builder.text(key)
        if key == name {
          makeValue(&builder)
        } else {
          builder.tensor(
            key: "0", elementCount: 1, shape: shape, strides: [Int](repeating: 0, count: shape.count))
        }
      }
    }
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
