import Files

/// Labels of all images of a data set, -1 where an image has none, and the classes that they stand for.
struct ClassLabels {
  /// In the order of the images.
  let values: [Int32]
  let classNames: [String]

  /// A label above is damage rather than a class.
  static let largest: Int32 = 999_999

  /// Classes that are only numbered.
  ///
  /// - Parameters:
  ///   - given: the names of the classes 0, 1, ...; nil to call each class by its number.
  ///   - subject: where the numbers come from.
  init(numbers: [Int], given: [String]?, subject: String) throws(InputError) {
    if let bad = numbers.first(where: { !(-1...Int(Self.largest)).contains($0) }) {
      throw InputError(subject, "holds the label \(bad), outside -1 to \(Self.largest)")
    }
    values = numbers.map { Int32($0) }
    let highest = numbers.max() ?? -1
    guard let given else {
      classNames = highest < 0 ? [] : (0...highest).map { String($0) }
      return
    }
    guard highest < given.count else {
      throw InputError(subject, "holds the label \(highest), and only \(given.count) classes are named")
    }
    classNames = given
  }

  /// Classes that are named.
  ///
  /// - Parameters:
  ///   - names: each image's class; nil where it has none.
  ///   - given: all names in the order of their labels; nil for the order of the names' code points.
  ///   - subject: where the names come from.
  init(names: [String?], given: [String]?, subject: String) throws(InputError) {
    // By their bytes: Swift takes texts for equal that are equivalent in Unicode, and folders with such names are two.
    let found = Set(names.lazy.compactMap { $0.map { Array($0.utf8) } })
    classNames =
      given ?? found.sorted { $0.lexicographicallyPrecedes($1) }.map { String(decoding: $0, as: UTF8.self) }
    let labels = Dictionary(uniqueKeysWithValues: zip(classNames.lazy.map { Array($0.utf8) }, Int32(0)...))
    var values: [Int32] = []
    for name in names {
      guard let name else {
        values.append(-1)
        continue
      }
      guard let label = labels[Array(name.utf8)] else {
        throw InputError(subject, "holds the class \"\(name)\", which is not among the \(labels.count) given")
      }
      values.append(label)
    }
    self.values = values
  }
}
