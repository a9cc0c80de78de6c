/// A value in a `config.json`.
enum TimmValue: Encodable, Equatable, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByStringLiteral
{
  case flag(Bool)
  case integer(Int)
  case integers([Int])
  case real(Double)
  case text(String)

  init(booleanLiteral value: Bool) { self = .flag(value) }
  init(integerLiteral value: Int) { self = .integer(value) }
  init(stringLiteral value: String) { self = .text(value) }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .flag(let value): try container.encode(value)
    case .integer(let value): try container.encode(value)
    case .integers(let values): try container.encode(values)
    case .real(let value): try container.encode(value)
    case .text(let value): try container.encode(value)
    }
  }
}
