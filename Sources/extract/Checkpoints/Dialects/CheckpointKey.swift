/// A key of a checkpoint, and what becomes of it.
public struct CheckpointKey: Codable, Equatable, Sendable {
  public enum Fate: String, Codable, Sendable {
    case used, dropped
    case leftOver = "left over"
  }

  /// As the file has it.
  public let key: String
  /// Nil where it is no tensor.
  public let shape: [Int]?
  /// The element type, or what it is instead of a tensor.
  public let type: String
  public let fate: Fate
  /// The encoder's name of the weight that it becomes or is part of.
  public let name: String?
  /// Why it is dropped.
  public let reason: String?
}
