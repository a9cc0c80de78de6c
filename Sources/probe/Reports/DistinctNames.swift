/// Names that tell things apart which share one.
package enum DistinctNames {
  /// - Parameter items: each with its name and what else is known of it, the most telling first. All differ in one of them.
  /// - Returns: a name each: the own one, and behind it no more than what parts it from those that share it.
  package static func of(_ items: [(name: String, qualifiers: [String])]) -> [String] {
    var names = items.map(\.name)
    for number in 0..<(items.map(\.qualifiers.count).max() ?? 0) {
      let groups = Dictionary(grouping: items.indices) { names[$0] }
      for group in groups.values where Set(group.map { items[$0].qualifiers[number] }).count > 1 {
        for index in group where !items[index].qualifiers[number].isEmpty {
          names[index] += ", " + items[index].qualifiers[number]
        }
      }
    }
    return names
  }
}
