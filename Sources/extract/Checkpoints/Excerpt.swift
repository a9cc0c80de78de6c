import Files

/// Names for a line of text: the first ten, and how many there are besides.
func excerpt(_ names: some Collection<String>) -> String {
  let shown = names.prefix(10).map { shortened($0) }.joined(separator: ", ")
  return names.count > 10 ? "\(shown) and \(names.count - 10) more" : shown
}
