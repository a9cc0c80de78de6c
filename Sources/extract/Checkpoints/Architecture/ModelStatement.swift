import Files
import LinearLayers
import VisionTransformer

/// What a configuration beside a checkpoint says about its model, whoever wrote it.
struct ModelStatement: Equatable {
  /// The configuration's file name, for messages.
  let source: String
  /// A model's name, of those that ``NamedModel`` knows or others.
  var architecture: String?
  var width = Stated<Int>()
  var depth = Stated<Int>()
  var headCount: Int?
  var patchSize = Stated<InputSize>()
  /// Of the images that the model was made for.
  var imageSize = Stated<InputSize>()
  var activation: String?
  var normEpsilon: Float?
  var rotary: RotaryEmbedding?
  /// Whether the configuration says that nothing is turned by its position.
  var isWithoutRotary = false
  var mean: [Float]?
  var standardDeviation: [Float]?
  var cropFraction: Double?
  var interpolation: String?
  var cropMode: String?
  /// What the encoder cannot do.
  var refusal: String?

  /// A value, and what the configuration calls it.
  struct Stated<Value: Equatable>: Equatable {
    var value: Value?
    var name = ""
  }

  /// ``activation``, where it is one that perceptrons without a gate may have here.
  var knownActivation: Activation? {
    switch activation {
    case "gelu": .gelu
    case "gelu_tanh", "gelu_pytorch_tanh", "gelu_new": .geluTanh
    case "quick_gelu", "quickgelu": .quickGelu
    default: nil
    }
  }

  init(source: String) { self.source = source }
}

/// Height and width in pixels; a single number in JSON means both.
public struct InputSize: Decodable, Equatable, Sendable, CustomStringConvertible {
  public let height: Int
  public let width: Int
  public var description: String { height == width ? "\(height)" : "\(height)x\(width)" }

  public init(square side: Int) { self.init(height: side, width: side) }

  public init(height: Int, width: Int) {
    self.height = height
    self.width = width
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let sides = try (try? container.decode(Int.self)).map { [$0, $0] } ?? container.decode([Int].self)
    guard sides.count == 2, sides.allSatisfy({ 1...65536 ~= $0 }) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "\(sides) is no size in pixels")
    }
    self.init(height: sides[0], width: sides[1])
  }
}
