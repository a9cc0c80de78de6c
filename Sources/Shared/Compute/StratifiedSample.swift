/// Draws from classes in proportion to their sizes. Each function is fixed by its seed.
package enum StratifiedSample {
  /// A random sample of so many places, or all where there are fewer, ascending.
  ///
  /// Each class gives one before any gives a second. A smaller sample with the same seed is part of a larger one.
  package static func places(ofLabels labels: [Int32], count: Int, seed: UInt64) -> [Int] {
    // The share of its class that is taken before the place is, in a random order of the class.
    lowest(count, classes(of: labels), seed) { rank, size, _ in Double(rank) / Double(size) }
  }

  /// Places to hold out, ascending, of each class about the same share: where classes are too small to give one each, chance
  /// says which do. No class gives its last; none are held out where all have one place only.
  ///
  /// - Parameter fraction: of the places, between 0 and 1; at least one of them is held out.
  package static func heldOut(ofLabels labels: [Int32], fraction: Double, seed: UInt64) -> [Int] {
    precondition(fraction > 0 && fraction < 1, "\(fraction) is not a fraction between 0 and 1")
    let count = max(1, Int((fraction * Double(labels.count)).rounded()))
    // Not the order that `places` draws in.
    var mixed = SeededGenerator(seed: seed, stream: .max)
    return lowest(count, classes(of: labels), mixed.next()) { rank, size, offset in
      rank == size - 1 ? nil : (Double(rank) + offset) / Double(size)
    }
  }

  /// As many places of each class, ascending; all of a class that has fewer.
  package static func places(ofLabels labels: [Int32], perClass count: Int, seed: UInt64) -> [Int] {
    classes(of: labels).flatMap { label, places in
      var generator = Self.generator(label, seed)
      return generator.permutation(places.count).prefix(count).map { places[$0] }
    }.sorted()
  }

  private static func classes(of labels: [Int32]) -> [(label: Int32, places: [Int])] {
    Dictionary(grouping: labels.indices) { labels[$0] }.sorted { $0.key < $1.key }
      .map { ($0.key, $0.value) }
  }

  private static func generator(_ label: Int32, _ seed: UInt64) -> SeededGenerator {
    SeededGenerator(seed: seed, stream: UInt64(bitPattern: Int64(label)))
  }

  private static func lowest(
    _ count: Int, _ classes: [(label: Int32, places: [Int])], _ seed: UInt64,
    share: (_ rank: Int, _ size: Int, _ offset: Double) -> Double?
  ) -> [Int] {
    var shares: [(share: Double, place: Int)] = []
    for (label, places) in classes {
      var generator = generator(label, seed)
      let order = generator.permutation(places.count)
      let offset = generator.uniform()
      for (rank, place) in order.enumerated() {
        guard let share = share(rank, places.count, offset) else { continue }
        shares.append((share, places[place]))
      }
    }
    // Places are all different, so that the order is a total one; equal shares go by the place.
    return shares.sorted { $0 < $1 }.prefix(count).map(\.place).sorted()
  }
}
