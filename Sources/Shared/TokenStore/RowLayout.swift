import Compute

/// The type of a dataset's elements in a shard. Little-endian throughout.
public enum DatasetType: Equatable, Sendable {
  case float16, bfloat16, float32
  case int8, int32, uint8, uint16, uint32, uint64
  /// UTF-8 text of at most this many bytes, padded with zero bytes.
  case text(byteCount: Int)

  /// The size of an element in bytes.
  public var byteCount: Int {
    switch self {
    case .int8, .uint8: 1
    case .float16, .bfloat16, .uint16: 2
    case .float32, .int32, .uint32: 4
    case .uint64: 8
    case .text(let byteCount): byteCount
    }
  }

  /// What an element's address must be a multiple of.
  var alignment: Int { if case .text = self { 1 } else { byteCount } }

  /// The type for tokens of an element type; nil where tokens cannot be stored so.
  public init?(tokens type: ElementType) {
    switch type {
    case .float16: self = .float16
    case .bfloat16: self = .bfloat16
    case .float32: self = .float32
    case .int8: self = .int8
    default: return nil
    }
  }

  /// The element type, where it is one that values widen from.
  var elementType: ElementType? {
    switch self {
    case .float16: .float16
    case .bfloat16: .bfloat16
    case .float32: .float32
    default: nil
    }
  }
}

extension DatasetType: Codable, CustomStringConvertible {
  private static let plain: [DatasetType] = [
    .float16, .bfloat16, .float32, .int8, .int32, .uint8, .uint16, .uint32, .uint64,
  ]

  /// The name in the manifest: the element's name, or `utf8[N]`.
  public var description: String {
    switch self {
    case .float16: "float16"
    case .bfloat16: "bfloat16"
    case .float32: "float32"
    case .int8: "int8"
    case .int32: "int32"
    case .uint8: "uint8"
    case .uint16: "uint16"
    case .uint32: "uint32"
    case .uint64: "uint64"
    case .text(let byteCount): "utf8[\(byteCount)]"
    }
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let name = try container.decode(String.self)
    if let type = Self.plain.first(where: { $0.description == name }) {
      self = type
    } else if name.hasPrefix("utf8["), name.hasSuffix("]"), let count = Int(name.dropFirst(5).dropLast()),
      (1...RowLayout.maximumIDByteCount).contains(count)
    {
      self = .text(byteCount: count)
    } else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "no dataset has the type '\(name)'")
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

/// One dataset of a shard: its name, type and what one row of it looks like.
public struct RowDataset: Equatable, Sendable {
  public let name: String
  public let type: DatasetType
  /// The shape of one row; empty for one value a row. The dataset's own shape has the number of rows before it.
  public let rowShape: [Int]
  /// For tokens in 8 bits: [D], which the dataset has as its attribute `channel_scale`. Empty for all others.
  public let channelScales: [Float]

  package init(name: String, type: DatasetType, rowShape: [Int], channelScales: [Float] = []) {
    self.name = name
    self.type = type
    self.rowShape = rowShape
    self.channelScales = channelScales
  }

  /// The number of elements of one row.
  public var elementCount: Int { rowShape.reduce(1, *) }
  /// The size of one row in bytes.
  public var rowByteCount: Int { elementCount * type.byteCount }
}

/// The datasets of a shard, in the order that the format lists them, which is also their order in the row's checksum:
/// first what the encoder computed (the payload), then the row's identity, then its state and checksum.
public struct RowLayout: Equatable, Sendable {
  public let datasets: [RowDataset]
  /// The datasets that the encoder fills: the first ones of ``datasets``.
  public let payload: [RowDataset]

  /// The number of values in `attention_stats` for each block and head.
  public static let attentionStatisticCount = 8
  /// The number of rows in `center_attention`: from the central 1, 2x2, 3x3 and 4x4 patches.
  public static let centerCount = 4
  static let maximumIDByteCount = 4096

  static let tokens = "tokens"
  static let classAttention = "cls_attention"
  static let centerAttention = "center_attention"
  static let attentionStatistics = "attention_stats"
  static let magnitudes = "magnitudes"
  static let labels = "labels"
  static let ids = "ids"
  static let sourceIndex = "source_index"
  static let viewIndex = "view_index"
  static let rowState = "row_state"
  static let rowChecksum = "row_crc32"

  /// The dataset of a stored block: the last one is `tokens`.
  static func tokens(block: Int, of blocks: [Int]) -> String {
    block == blocks.last ? tokens : "tokens_block_" + (block < 10 ? "0" : "") + String(block)
  }

  /// The scales of tokens in 8 bits, beside them.
  static func scales(ofTokens name: String) -> String { name + "_scale" }

  /// - Parameters:
  ///   - configuration: a valid one.
  ///   - idByteCount: the size of the longest id in UTF-8.
  public init(configuration: CacheConfiguration, idByteCount: Int) {
    let model = configuration.model
    guard let tokenType = DatasetType(tokens: configuration.precision.tokens) else {
      preconditionFailure("tokens cannot be stored as \(configuration.precision.tokens)")
    }
    var payload: [RowDataset] = []
    func add(_ name: String, _ type: DatasetType, _ rowShape: [Int], _ channelScales: [Float] = []) {
      payload.append(RowDataset(name: name, type: type, rowShape: rowShape, channelScales: channelScales))
    }
    let blocks = configuration.blocks
    for place in blocks.indices.suffix(1) + blocks.indices.dropLast() {
      let name = Self.tokens(block: blocks[place], of: blocks)
      let channelScales = configuration.precision.channelScales?[place] ?? []
      add(name, tokenType, [model.tokenCount, model.width], channelScales)
      if tokenType == .int8 { add(Self.scales(ofTokens: name), .float32, [model.tokenCount]) }
    }
    if model.hasClassToken { add(Self.classAttention, .float16, [model.headCount, model.patchCount]) }
    add(Self.centerAttention, .float16, [Self.centerCount, model.patchCount])
    add(Self.attentionStatistics, .float32, [model.depth, model.headCount, Self.attentionStatisticCount])
    add(Self.magnitudes, .float32, [model.depth, 2])
    self.payload = payload
    datasets =
      payload + [
        RowDataset(name: Self.labels, type: .int32, rowShape: []),
        RowDataset(name: Self.ids, type: .text(byteCount: idByteCount), rowShape: []),
        RowDataset(name: Self.sourceIndex, type: .uint64, rowShape: []),
        RowDataset(name: Self.viewIndex, type: .uint16, rowShape: []),
        RowDataset(name: Self.rowState, type: .uint8, rowShape: []),
        RowDataset(name: Self.rowChecksum, type: .uint32, rowShape: []),
      ]
  }

  /// The channel scales of each dataset that has them.
  var channelScales: [String: [Float]] {
    let scaled = payload.filter { !$0.channelScales.isEmpty }
    return Dictionary(uniqueKeysWithValues: scaled.map { ($0.name, $0.channelScales) })
  }

  /// The bytes of a row in all datasets.
  public var rowByteCount: Int { datasets.reduce(0) { $0 + $1.rowByteCount } }
}
