/// A name from a stranger's file, short enough for a line of text.
///
/// - Parameter limit: Unicode scalars, as a single character may have any number of them.
package func shortened(_ text: String, to limit: Int = 120) -> String {
  let head = text.unicodeScalars.prefix(limit)
  return head.endIndex == text.endIndex ? text : "\(String(head))..."
}
