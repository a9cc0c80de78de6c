import Foundation

/// In which settings two configurations differ.
package enum SettingDifferences {
  /// - Returns: one line a setting, such as "epochs was 90, is 60".
  static func between<Settings: Encodable>(_ old: Settings, _ new: Settings) -> [String] {
    let (old, new) = (flattened(old), flattened(new))
    return Set(old.keys).union(new.keys).sorted().compactMap { name in
      old[name] == new[name] ? nil : "\(name) was \(old[name] ?? "not set"), is \(new[name] ?? "not set")"
    }
  }

  /// Every setting by its path in the JSON form, as in `optimizer.momentum`.
  package static func flattened(_ settings: some Encodable) -> [String: String] {
    guard let data = try? JSONEncoder().encode(settings),
      let root = try? JSONSerialization.jsonObject(with: data)
    else { return [:] }
    var result: [String: String] = [:]
    func visit(_ value: Any, _ path: String) {
      if let object = value as? [String: Any] {
        for (key, member) in object { visit(member, path.isEmpty ? key : "\(path).\(key)") }
      } else {
        result[path] = "\(value)"
      }
    }
    visit(root, "")
    return result
  }
}
