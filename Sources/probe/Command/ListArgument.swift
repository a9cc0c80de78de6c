import ArgumentParser

/// Values with commas between them, as in `0.1,1,5`.
struct ListArgument<Element: ExpressibleByArgument>: ExpressibleByArgument {
  var elements: [Element]

  init(_ elements: [Element]) { self.elements = elements }

  init?(argument: String) {
    elements = []
    for word in argument.split(separator: ",", omittingEmptySubsequences: false) {
      guard let element = Element(argument: String(word)) else { return nil }
      elements.append(element)
    }
  }

  var defaultValueDescription: String { elements.map(\.defaultValueDescription).joined(separator: ",") }

  static var allValueStrings: [String] { Element.allValueStrings }
}
