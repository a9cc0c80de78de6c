import Foundation

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// An SVG text's elements, in order, with their attributes and texts; nil if it is not well-formed XML.
public final class Elements: NSObject, XMLParserDelegate {
  public private(set) var all: [(name: String, attributes: [String: String], text: String)] = []
  private var open: [Int] = []

  public init?(_ svg: String) {
    super.init()
    let parser = XMLParser(data: Data(svg.utf8))
    parser.delegate = self
    guard parser.parse() else { return nil }
  }

  public func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String]
  ) {
    open.append(all.count)
    all.append((name, attributes, ""))
  }

  public func parser(_ parser: XMLParser, foundCharacters text: String) { all[open.last!].text += text }

  public func parser(
    _ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?
  ) { open.removeLast() }

  public func named(_ name: String) -> [(name: String, attributes: [String: String], text: String)] {
    all.filter { $0.name == name }
  }

  /// Where an axis has its tick labels, by text.
  public func places(_ coordinate: String) -> [String: Double] {
    let anchor = coordinate == "x" ? "middle" : "end"
    let ticks = named("text").filter {
      $0.attributes["class"] == "tick" && $0.attributes["text-anchor"] == anchor
    }
    return Dictionary(
      ticks.map { ($0.text, Double($0.attributes[coordinate]!)!) }, uniquingKeysWith: { first, _ in first })
  }
}

extension Elements {
  /// The elements of a class, among others that they may have.
  public func styled(_ style: String) -> [(name: String, attributes: [String: String], text: String)] {
    all.filter { $0.attributes["class"]?.split(separator: " ").contains { $0 == style } == true }
  }

  /// The corners of a polyline or a polygon.
  public static func points(_ attributes: [String: String]) -> [(x: Double, y: Double)] {
    attributes["points"]!.split(separator: " ").map { point in
      let parts = point.split(separator: ",").map { Double($0)! }
      return (parts[0], parts[1])
    }
  }
}
