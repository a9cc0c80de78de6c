/// What images are of: one class each, or any number of classes each.
public enum Targets: Equatable, Sendable {
  /// [N], each a class.
  case single([Int32])
  case several(LabelSets)

  public var count: Int {
    switch self {
    case .single(let labels): labels.count
    case .several(let sets): sets.count
    }
  }

  public var isSingle: Bool { if case .single = self { true } else { false } }

  /// Those of some of the images.
  public func picking(_ places: some Sequence<Int>) -> Targets {
    switch self {
    case .single(let labels): return .single(places.map { labels[$0] })
    case .several(let sets):
      var picked = LabelSets()
      for place in places { picked.append(sets[place]) }
      return .several(picked)
    }
  }
}

/// The classes of each of some images, which may be none: one list after the other, and where each begins.
public struct LabelSets: Equatable, Sendable {
  /// [N + 1]: where an image's classes start among all.
  private var starts: [UInt32] = [0]
  private var classes: [Int32] = []

  public init() {}

  /// - Parameter sets: the classes of each image, in any order, without repetition.
  public init(_ sets: some Sequence<[Int32]>) { for set in sets { append(set) } }

  /// N
  public var count: Int { starts.count - 1 }

  /// An image's classes, ascending.
  public subscript(image: Int) -> ArraySlice<Int32> { classes[Int(starts[image])..<Int(starts[image + 1])] }

  /// - Parameter labels: an image's classes, in any order, without repetition.
  public mutating func append(_ labels: some Sequence<Int32>) {
    let sorted = labels.sorted()
    precondition(
      sorted.allSatisfy { $0 >= 0 } && zip(sorted, sorted.dropFirst()).allSatisfy { $0 != $1 },
      "the classes \(sorted) are no set")
    classes += sorted
    starts.append(UInt32(classes.count))
  }
}
