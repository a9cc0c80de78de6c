/// A name from a stranger's file, short enough for a line of text.
func shortened(_ text: String, to limit: Int = 120) -> String {
  text.count <= limit ? text : "\(text.prefix(limit))..."
}

/// Names for a line of text: the first ten, and how many there are besides.
func excerpt(_ names: some Collection<String>) -> String {
  let shown = names.prefix(10).map { shortened($0) }.joined(separator: ", ")
  return names.count > 10 ? "\(shown) and \(names.count - 10) more" : shown
}
