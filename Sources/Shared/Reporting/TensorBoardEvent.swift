/// TensorBoard's events, in the encoding of protocol buffers. Of their messages this is what scalars need:
///
///     Event { double wall_time = 1; int64 step = 2; oneof { string file_version = 3; Summary summary = 5; } }
///     Summary { repeated Value value = 1; }    Value { string tag = 1; float simple_value = 2; }
///
/// See tensorflow/core/util/event.proto and tensorflow/core/framework/summary.proto. The settings of a run are a value
/// whose metadata belong to the plugin `hparams`, beside a tensor that means nothing:
///
///     Value { string tag = 1; TensorProto tensor = 8; SummaryMetadata metadata = 9; }
///     SummaryMetadata { PluginData plugin_data = 1; }    PluginData { string plugin_name = 1; bytes content = 2; }
///     HParamsPluginData { int32 version = 1; SessionStartInfo session_start_info = 3; }
///     SessionStartInfo { map<string, google.protobuf.Value> hparams = 1; double start_time_secs = 5; }
///
/// See tensorboard/plugins/hparams/plugin_data.proto.
enum TensorBoardEvent {
  /// The first event of a file.
  static func fileVersion(wallTime: Double) -> [UInt8] {
    field(1, wallTime) + field(3, Array("brain.Event:2".utf8))
  }

  /// - Parameter wallTime: seconds since 1970.
  static func scalar(tag: String, value: Float, step: Int, wallTime: Double) -> [UInt8] {
    let scalar = field(1, Array(tag.utf8)) + field(2, value)
    return field(1, wallTime) + field(2, step) + field(5, field(1, scalar))
  }

  static func hyperparameters(
    _ hyperparameters: [(name: String, value: TensorBoardWriter.Hyperparameter)], wallTime: Double
  ) -> [UInt8] {
    let entries = hyperparameters.flatMap { name, value in
      let encoded =
        switch value {
        case .number(let number): field(2, number)
        case .text(let text): field(3, Array(text.utf8))
        }
      return field(1, field(1, Array(name.utf8)) + field(2, encoded))
    }
    let content = field(3, entries + field(5, wallTime))
    let metadata = field(1, field(1, Array("hparams".utf8)) + field(2, content))
    // [1] of 32-bit floats, a zero.
    let tensor = field(1, 1) + field(2, field(2, field(1, 1))) + field(4, [0, 0, 0, 0])
    let value = field(1, Array("_hparams_/session_start_info".utf8)) + field(8, tensor) + field(9, metadata)
    return field(1, wallTime) + field(5, field(1, value))
  }

  /// - Returns: an event's step, 0 where it has none; nil where the bytes are no message.
  static func step(_ event: UnsafeRawBufferPointer) -> UInt64? {
    var rest = event[...]
    var step: UInt64 = 0
    while !rest.isEmpty {
      guard let key = popVariable(&rest) else { return nil }
      switch WireType(rawValue: key & 7) {
      case .variable:
        guard let value = popVariable(&rest) else { return nil }
        if key >> 3 == 2 { step = value }
      case .eightBytes:
        guard skip(8, &rest) else { return nil }
      case .bytes:
        guard let count = popVariable(&rest), skip(count, &rest) else { return nil }
      case .fourBytes:
        guard skip(4, &rest) else { return nil }
      case nil: return nil
      }
    }
    return step
  }

  private enum WireType: UInt64 {
    case variable = 0
    case eightBytes = 1
    case bytes = 2
    case fourBytes = 5
  }

  private static func key(_ number: UInt64, _ type: WireType) -> [UInt8] {
    variable(number << 3 | type.rawValue)
  }

  private static func field(_ number: UInt64, _ value: Double) -> [UInt8] {
    key(number, .eightBytes) + TensorBoardRecord.littleEndian(value.bitPattern)
  }

  private static func field(_ number: UInt64, _ value: Float) -> [UInt8] {
    key(number, .fourBytes) + TensorBoardRecord.littleEndian(value.bitPattern)
  }

  /// Zeros are left out, as protocol buffers have it.
  private static func field(_ number: UInt64, _ value: Int) -> [UInt8] {
    value == 0 ? [] : key(number, .variable) + variable(UInt64(value))
  }

  private static func field(_ number: UInt64, _ bytes: [UInt8]) -> [UInt8] {
    key(number, .bytes) + variable(UInt64(bytes.count)) + bytes
  }

  /// Seven bits a byte, the lowest first; the highest bit says that another byte follows.
  private static func variable(_ value: UInt64) -> [UInt8] {
    value < 128 ? [UInt8(value)] : [UInt8(value & 127 | 128)] + variable(value >> 7)
  }

  private static func popVariable(_ rest: inout Slice<UnsafeRawBufferPointer>) -> UInt64? {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 64, by: 7) {
      guard let byte = rest.popFirst() else { return nil }
      value |= UInt64(byte & 127) << shift
      if byte < 128 { return value }
    }
    return nil
  }

  private static func skip(_ count: UInt64, _ rest: inout Slice<UnsafeRawBufferPointer>) -> Bool {
    guard count <= rest.count else { return false }
    rest.removeFirst(Int(count))
    return true
  }
}
