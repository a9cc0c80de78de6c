/// The classes of some images: one each, or any number.
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

  /// Those of some of the images.
  func picking(_ places: [Int]) -> Targets {
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
  /// [N + 1]; the classes of image i are at `offsets[i] ..< offsets[i + 1]`.
  public private(set) var offsets: [UInt32] = [0]
  /// Ascending within an image.
  public private(set) var classes: [Int32] = []

  public init() {}

  /// N
  public var count: Int { offsets.count - 1 }

  public subscript(image: Int) -> ArraySlice<Int32> {
    classes[Int(offsets[image])..<Int(offsets[image + 1])]
  }

  public mutating func append(_ labels: some Sequence<Int32>) {
    classes += labels
    offsets.append(UInt32(classes.count))
  }
}
