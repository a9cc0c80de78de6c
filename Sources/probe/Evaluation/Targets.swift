/// What images are of: one class each, or any number of classes each.
public enum Targets: Sendable {
  /// [N]
  case single([Int32])
  case multiple(LabelSets)

  public var count: Int {
    switch self {
    case .single(let labels): labels.count
    case .multiple(let sets): sets.count
    }
  }
}

/// The classes of each image, one list after the other: four bytes a label and eight an image.
public struct LabelSets: Equatable, Sendable {
  /// [N + 1]: where an image's classes start among all.
  private let starts: [Int]
  private let classes: [Int32]

  /// - Parameter sets: the classes of each image, in any order, without repetition; an image may have none.
  public init(_ sets: some Collection<[Int32]>) {
    var starts = [0]
    var classes: [Int32] = []
    starts.reserveCapacity(sets.count + 1)
    for set in sets {
      let sorted = set.sorted()
      precondition(
        sorted.allSatisfy { $0 >= 0 } && zip(sorted, sorted.dropFirst()).allSatisfy { $0 != $1 },
        "the classes \(set) are no set")
      classes += sorted
      starts.append(classes.count)
    }
    self.starts = starts
    self.classes = classes
  }

  /// N
  public var count: Int { starts.count - 1 }

  /// An image's classes, ascending.
  public subscript(image: Int) -> ArraySlice<Int32> { classes[starts[image]..<starts[image + 1]] }
}
