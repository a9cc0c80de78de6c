import Files

/// Which blocks' outputs are stored: numbers from 0, or from -1 back from the last one, and ranges of them.
public struct BlockSelection: Equatable, Sendable {
  private let ranges: [Range]

  private struct Range: Equatable {
    let first: Int
    let last: Int
  }

  public static let none = BlockSelection(ranges: [])
  public static let last = BlockSelection(ranges: [Range(first: -1, last: -1)])
  public static let all = BlockSelection(ranges: [Range(first: 0, last: -1)])

  private init(ranges: [Range]) { self.ranges = ranges }

  /// Parts with commas between them, each `all`, a number, or two with `-` or `..` between them: `0,4-7,-2..-1`. Spaces
  /// may stand around commas, and around what is between two numbers.
  ///
  /// - Returns: nil where the text is none of that.
  public init?(_ text: String) {
    var ranges: [Range] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      if part.wholeMatch(of: /[ ]*all[ ]*/) != nil {
        ranges.append(Range(first: 0, last: -1))
      } else if let match = part.wholeMatch(of: /[ ]*(-?[0-9]+)[ ]*(?:(?:-|\.\.)[ ]*(-?[0-9]+)[ ]*)?/),
        let first = Int(match.1), let last = Int(match.2 ?? match.1)
      {
        ranges.append(Range(first: first, last: last))
      } else {
        return nil
      }
    }
    self.ranges = ranges
  }

  /// - Parameter depth: the number of blocks that the model has.
  /// - Returns: the blocks, from 0, ascending.
  /// - Throws: where one of them does not exist, or a range runs backward.
  public func blocks(depth: Int) throws(InputError) -> [Int] {
    var blocks: Set<Int> = []
    for range in ranges {
      let (first, last) = (try block(range.first, depth: depth), try block(range.last, depth: depth))
      guard first <= last else {
        throw InputError(
          "--blocks", "from \(range.first) to \(range.last) is backward in a model of \(depth) blocks")
      }
      blocks.formUnion(first...last)
    }
    return blocks.sorted()
  }

  private func block(_ number: Int, depth: Int) throws(InputError) -> Int {
    guard (-depth..<depth).contains(number) else {
      throw InputError(
        "--blocks", "block \(number) does not exist: the model has \(depth) blocks",
        remedy: "give numbers from 0 to \(depth - 1), or from -1, the last, to -\(depth)")
    }
    return number < 0 ? number + depth : number
  }
}
