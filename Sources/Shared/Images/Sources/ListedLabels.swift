import Files

/// The labels of a list, as they are written: numbers or names throughout, as one name among numbers, or one number
/// among names, would number all classes anew.
struct ListedLabels {
  private enum Kind { case number, name }

  /// Whether the classes are given, so that numbers may be names among them.
  private let areNamed: Bool
  private var texts: [String] = []
  /// Of the first label that is not -1, which stands for none in both kinds.
  private var kind: Kind?
  private var holdsName = false

  private static let none = "-1"

  init(areNamed: Bool) { self.areNamed = areNamed }

  /// - Parameters:
  ///   - label: the next image's; nil where the list has none.
  ///   - subject: the line that it stands on.
  mutating func append(_ label: String?, subject: String) throws(InputError) {
    let label = label ?? Self.none
    guard let first = label.first, let last = label.last else {
      throw InputError(subject, "has no label", remedy: "write -1 for none")
    }
    guard !first.isWhitespace, !last.isWhitespace else {
      throw InputError(subject, "has white space around the label \"\(label)\"", remedy: "remove it")
    }
    texts.append(label)
    guard label != Self.none else { return }
    let kind = Int(label) != nil ? Kind.number : .name
    if !areNamed {
      guard kind == .number || !Self.isDecimal(label) else {
        throw InputError(
          subject, "has the label \"\(label)\", which is neither a whole number nor a name",
          remedy: "write whole numbers, or name all classes in a file for --class-names")
      }
      guard kind == self.kind ?? kind else {
        throw InputError(
          subject,
          kind == .name
            ? "has the label \"\(label)\", a name, where those before are numbers"
            : "has the label \"\(label)\", a number, where those before are names",
          remedy: "write one or the other, or name all classes in a file for --class-names")
      }
    }
    self.kind = self.kind ?? kind
    holdsName = holdsName || kind == .name
  }

  /// - Parameters:
  ///   - given: all classes in the order of their labels; nil where the labels tell.
  ///   - subject: the list.
  func classes(given: [String]?, subject: String) throws(InputError) -> ClassLabels {
    holdsName
      ? try ClassLabels(names: texts.map { $0 == Self.none ? nil : $0 }, given: given, subject: subject)
      : try ClassLabels(numbers: texts.map { Int($0)! }, given: given, subject: subject)
  }

  /// As pandas writes whole numbers of a column in which some are missing.
  private static func isDecimal(_ label: String) -> Bool {
    Double(label) != nil && label.utf8.allSatisfy("+-.0123456789Ee".utf8.contains)
  }
}
