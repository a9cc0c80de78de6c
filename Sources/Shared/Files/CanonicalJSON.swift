import Foundation

/// JSON with sorted keys: equal values have equal texts.
package enum CanonicalJSON {
  /// On one line.
  package static func text(_ value: some Encodable) throws(InputError) -> String {
    try encode(value, [.sortedKeys, .withoutEscapingSlashes])
  }

  /// Indented, with a newline at the end.
  package static func page(_ value: some Encodable) throws(InputError) -> String {
    try encode(value, [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]) + "\n"
  }

  private static func encode(
    _ value: some Encodable, _ formatting: JSONEncoder.OutputFormatting
  ) throws(InputError) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = formatting
    do {
      return String(decoding: try encoder.encode(value), as: UTF8.self)
    } catch EncodingError.invalidValue(let value, let context) {
      throw InputError(name(of: context.codingPath), "cannot be \(value), which JSON has no number for")
    } catch {
      throw InputError("JSON", "cannot be written: \(error)")
    }
  }

  /// Decodes untrusted JSON; an error says where in it what is wrong.
  package static func decode<Value: Decodable>(
    _ type: Value.Type, from bytes: some Sequence<UInt8>, subject: String
  ) throws(InputError) -> Value {
    do {
      return try JSONDecoder().decode(type, from: Data(bytes))
    } catch let error as DecodingError {
      throw InputError(subject, reason(error))
    } catch {
      throw InputError(subject, "is not valid JSON: \(error)")
    }
  }

  private static func reason(_ error: DecodingError) -> String {
    switch error {
    case .keyNotFound(let key, let context): "\(name(of: context.codingPath + [key])) is missing"
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      "\(name(of: context.codingPath)) is of the wrong type: \(context.debugDescription)"
    case .dataCorrupted(let context) where context.codingPath.isEmpty: "is not valid JSON"
    case .dataCorrupted(let context): "\(name(of: context.codingPath)) is wrong: \(context.debugDescription)"
    @unknown default: "is not valid JSON: \(error)"
    }
  }

  private static func name(of path: [any CodingKey]) -> String {
    let name = path.reduce("") { name, key in
      if let index = key.intValue { return "\(name)[\(index)]" }
      return name.isEmpty ? key.stringValue : "\(name).\(key.stringValue)"
    }
    return name.isEmpty ? "the whole" : name
  }
}
