import Heads

/// What a head was trained to take and to tell apart.
public struct HeadLayout: Codable, Equatable, Sendable {
  public var tokens: TokenLayout
  public var classNames: [String]

  public init(tokens: TokenLayout, classNames: [String]) {
    self.tokens = tokens
    self.classNames = classNames
  }

  enum CodingKeys: String, CodingKey {
    case tokens
    case classNames = "class_names"
  }
}
