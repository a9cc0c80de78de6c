import Files
import Foundation

extension CacheConfiguration {
  /// The settings in which another configuration differs, one line each: its name as in `config_json`, the value here
  /// and the value there. Empty exactly where the two are equal.
  public func differences(from other: CacheConfiguration) -> [String] {
    guard precision.tokens != other.precision.tokens || blocks != other.blocks else {
      return settingDifferences(self, from: other)
    }
    // Scales that follow from another type or other blocks say nothing more.
    var (mine, theirs) = (self, other)
    mine.precision.channelScales = nil
    theirs.precision.channelScales = nil
    return settingDifferences(mine, from: theirs)
  }
}

/// The settings in which two values differ, one line each: its name, as in `model.width`, the value in the first and
/// the value in the other. Empty exactly where the two have the same JSON.
package func settingDifferences<Settings: Encodable>(_ value: Settings, from other: Settings) -> [String] {
  let (mine, theirs) = (settings(of: value), settings(of: other))
  return Set(mine.keys).union(theirs.keys).sorted().compactMap { name in
    let (value, otherValue) = (mine[name] ?? .null, theirs[name] ?? .null)
    guard value != otherValue else { return nil }
    if case .array(let values) = value, case .array(let otherValues) = otherValue, values.count > 4,
      values.count == otherValues.count
    {
      let index = zip(values, otherValues).enumerated().first { $0.element.0 != $0.element.1 }!.offset
      return "\(name)[\(index)] is \(values[index]), not \(otherValues[index])"
    }
    return "\(name) is \(value), not \(otherValue)"
  }
}

/// Every setting by its name.
private func settings(of value: some Encodable) -> [String: Setting] {
  // Settings that JSON cannot hold were never in a file; they are refused where they are checked.
  guard let text = try? CanonicalJSON.text(value),
    let root = try? CanonicalJSON.decode(Setting.self, from: text.utf8, subject: "settings")
  else { return [:] }
  var settings: [String: Setting] = [:]
  func collect(_ setting: Setting, _ name: String) {
    guard case .object(let members) = setting else {
      settings[name] = setting
      return
    }
    for (key, member) in members { collect(member, name.isEmpty ? key : "\(name).\(key)") }
  }
  collect(root, "")
  return settings
}

/// A JSON value.
private enum Setting: Decodable, Equatable, CustomStringConvertible {
  case null
  case bool(Bool)
  /// As Swift writes it.
  case number(String)
  case text(String)
  case array([Setting])
  case object([String: Setting])

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? container.decode(Int.self) {
      self = .number("\(value)")
    } else if let value = try? container.decode(UInt64.self) {
      self = .number("\(value)")
    } else if let value = try? container.decode(Double.self) {
      self = .number("\(value)")
    } else if let value = try? container.decode(String.self) {
      self = .text(value)
    } else if let values = try? container.decode([Setting].self) {
      self = .array(values)
    } else {
      self = .object(try container.decode([String: Setting].self))
    }
  }

  var description: String {
    switch self {
    case .null: "absent"
    case .bool(let value): "\(value)"
    case .number(let text): text
    case .text(let value): "'\(value)'"
    case .array(let values) where values.count > 4:
      "[\(values.prefix(3).map(\.description).joined(separator: ", ")), ... \(values.count) values]"
    case .array(let values): "[\(values.map(\.description).joined(separator: ", "))]"
    case .object(let members): "\(members.count) settings"
    }
  }
}
