import Evaluation
import Files
import Reading

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Images that are shown together.
public struct MapSection: Equatable, Sendable {
  public var title: String
  /// Why these images, in a sentence.
  public var explanation: String
  /// Part of file names.
  public var name: String
  /// Places among all images, in the order in which they are shown.
  public var images: [Int]
}

/// Finds the images that terms are about.
package struct ImageChoice {
  package let tokens: LabelledTokens
  /// Of each image; empty where no term needs them.
  package let outcomes: [ImageOutcome]

  package init(tokens: LabelledTokens, outcomes: [ImageOutcome]) {
    (self.tokens, self.outcomes) = (tokens, outcomes)
  }

  /// One section for each ranking and class, and one for all images that are named.
  ///
  /// - Throws: where a term stands for no image.
  package func sections(_ terms: [ImageTerm]) throws(InputError) -> [MapSection] {
    var sections: [MapSection] = []
    var named: Set<Int> = []
    for term in terms {
      switch term {
      case .ranked(let ranking, let count): sections.append(section(ranking, count))
      case .classes(let pattern, let count): sections += try self.sections(pattern, count)
      case .row(let row): named.insert(try place(row: row))
      case .ids(let pattern): named.formUnion(try places(pattern))
      }
    }
    if !named.isEmpty {
      sections.insert(
        MapSection(
          title: "Chosen images", explanation: "In the order of the cache's rows.", name: "chosen",
          images: named.sorted()), at: 0)
    }
    return sections.filter { !$0.images.isEmpty }
  }

  private func section(_ ranking: ImageTerm.Ranking, _ count: Int) -> MapSection {
    switch ranking {
    case .best:
      MapSection(
        title: "Best", explanation: "The smallest losses of all \(tokens.count) images, the smallest first.",
        name: "best", images: Array(byLoss(Array(outcomes.indices)).prefix(count)))
    case .worst:
      MapSection(
        title: "Worst", explanation: "The greatest losses of all \(tokens.count) images, the greatest first.",
        name: "worst", images: byLoss(Array(outcomes.indices)).suffix(count).reversed())
    case .wrong:
      wrongSection(count)
    }
  }

  private func wrongSection(_ count: Int) -> MapSection {
    let wrong = outcomes.indices.filter { !outcomes[$0].isRight }
      .sorted { (outcomes[$1].confidence, $0) < (outcomes[$0].confidence, $1) }
    return MapSection(
      title: "Wrong predictions",
      explanation: "\(wrong.count) of \(tokens.count) images were taken for another class; "
        + (wrong.count > count ? "shown are \(count) at even distances, " : "")
        + "from the most confident mistake to the least.",
      name: "wrong", images: Self.spread(wrong, count))
  }

  /// - Throws: where no class matches.
  private func sections(_ pattern: String, _ count: Int) throws(InputError) -> [MapSection] {
    let classes = tokens.classNames.indices.filter { Self.matches(pattern, tokens.classNames[$0]) }
    guard !classes.isEmpty else {
      throw InputError(
        "--images class:\(pattern):\(count)", "no class of the head is called that",
        remedy: "its classes are \(Self.some(tokens.classNames))")
    }
    return classes.map { label in
      let own = byLoss(outcomes.indices.filter { isOf(label, $0) })
      return MapSection(
        title: "Class \(tokens.classNames[label])",
        explanation: "\(own.count) images; "
          + (own.count > count ? "shown are \(count) at even distances, " : "")
          + "from the smallest loss to the greatest.",
        name: "class-\(label)", images: Self.spread(own, count))
    }
  }

  private func isOf(_ label: Int, _ image: Int) -> Bool {
    switch tokens.targets {
    case .single(let labels): labels[image] == label
    case .several(let sets): sets[image].contains(Int32(label))
    }
  }

  /// The smallest loss first; of equal ones the first image. What is no number comes last.
  private func byLoss(_ images: [Int]) -> [Int] {
    func key(_ image: Int) -> (Float, Int) {
      let loss = outcomes[image].loss
      return (loss.isNaN ? .infinity : loss, image)
    }
    return images.sorted { key($0) < key($1) }
  }

  /// So many elements at even distances, the first and the last among them.
  static func spread(_ elements: [Int], _ count: Int) -> [Int] {
    guard elements.count > count else { return elements }
    guard count > 1 else { return [elements[elements.count / 2]] }
    return (0..<count).map { elements[$0 * (elements.count - 1) / (count - 1)] }
  }

  // MARK: - Images by name

  private func place(row: Int) throws(InputError) -> Int {
    var (low, high) = (0, tokens.rows.count)
    while low < high {
      let middle = (low + high) / 2
      if tokens.rows[middle] < row { low = middle + 1 } else { high = middle }
    }
    guard low < tokens.rows.count, tokens.rows[low] == row else {
      throw InputError(
        "--images \(row)",
        "row \(row) is none of the \(tokens.rows.count) images that the head is measured on",
        remedy:
          "rows are 0 to \(tokens.rows.last ?? 0), but for images that have no label or could not be decoded")
    }
    return low
  }

  private func places(_ pattern: String) throws(InputError) -> [Int] {
    let caches = tokens.caches!
    let found = tokens.rows.indices.filter { Self.matches(pattern, caches.id(row: tokens.rows[$0])) }
    guard !found.isEmpty else {
      throw InputError(
        "--images \(pattern)", "no image is called that",
        remedy: "ids are such as \(Self.some(tokens.rows.prefix(3).map { caches.id(row: $0) }))")
    }
    return found
  }

  /// Names may themselves hold what patterns are made of.
  private static func matches(_ pattern: String, _ name: String) -> Bool {
    name == pattern || fnmatch(pattern, name, 0) == 0
  }

  private static func some(_ names: [String]) -> String {
    names.prefix(10).joined(separator: ", ") + (names.count > 10 ? " and \(names.count - 10) more" : "")
  }
}
