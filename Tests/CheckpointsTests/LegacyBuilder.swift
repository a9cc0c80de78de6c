/// Writes files of torch.save before PyTorch 1.6, good and bad ones.
struct LegacyBuilder {
  /// Pickles.
  var object: [UInt8]
  var machine = PickleBuilder.dictionary { builder in
    builder.text("little_endian")
    builder.raw([0x88])
  }
  /// Nil for the true keys.
  var keys: [UInt8]?
  var version = 1001
  /// The count is the one that stands before the bytes.
  var storages: [(key: String, count: Int, bytes: [UInt8])]
  /// Bytes behind the last storage.
  var end: [UInt8] = []

  init(object: [UInt8], storages: [(key: String, count: Int, bytes: [UInt8])]) {
    self.object = object
    self.storages = storages
  }

  func bytes() -> [UInt8] {
    var file: [UInt8] = [0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E]
    var version = PickleBuilder()
    version.integer(self.version)
    version.instructions(".")
    file += version.bytes + machine + object
    var list = PickleBuilder()
    list.instructions("](")
    for storage in storages { list.text(storage.key) }
    list.instructions("e.")
    file += keys ?? list.bytes
    for storage in storages { file += littleEndian(Int64(storage.count)) + storage.bytes }
    return file + end
  }
}
