/// What is shown of one image: a line of `maps.jsonl`, and a card of the page.
public struct MapCard: Codable, Equatable, Sendable {
  public var row: Int
  public var id: String
  /// Names of classes.
  public var labels: [String]
  public var prediction: String
  public var confidence: Float
  public var loss: Float
  public var isRight: Bool
  /// The image itself, if it is at hand, the encoder's attention, the head's, and that of each query or attention head.
  public var pictures: [MapPicture]

  enum CodingKeys: String, CodingKey {
    case row, id, labels, prediction, confidence, loss, pictures
    case isRight = "right"
  }

  var labelText: String { labels.isEmpty ? "no class" : labels.joined(separator: ", ") }
  var verdict: String { isRight ? "right" : "wrong" }
}

/// A file with a picture of an image, and the numbers behind it.
public struct MapPicture: Codable, Equatable, Sendable {
  public enum Role: String, Codable, Sendable, CaseIterable {
    /// The image by itself.
    case image
    /// What the encoder's [cls] attends to in its last block, mean over heads.
    case encoder
    /// What the head's features are made of; of several rows the mean.
    case head
    /// One query or attention head of several.
    case row
  }

  /// Of a map.
  public struct Numbers: Codable, Equatable, Sendable {
    /// Of the patches. The greatest has the brightest colour, 0 the darkest.
    public var smallest: Float
    public var largest: Float
    /// The patch of the greatest, from the upper left one, which is 0, 0.
    public var peakRow: Int
    public var peakColumn: Int
    /// What [cls] and registers weigh together.
    public var prefixTokens: Float
    /// What a token of the head's own weighs; nil where it has none.
    public var ownToken: Float?

    enum CodingKeys: String, CodingKey {
      case smallest, largest
      case peakRow = "peak_row"
      case peakColumn = "peak_column"
      case prefixTokens = "prefix_tokens"
      case ownToken = "own_token"
    }
  }

  public var role: Role
  public var title: String
  /// Path below the folder of the page.
  public var file: String
  public var height: Int
  public var width: Int
  /// Nil for the image by itself.
  public var numbers: Numbers?
}
