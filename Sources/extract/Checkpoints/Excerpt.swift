import Files

/// Names for a line of text, or a few words each: the first ten, and how many there are besides.
func excerpt(_ names: some Collection<String>, to limit: Int = 120) -> String {
  let shown = names.prefix(10).map { shortened($0, to: limit) }.joined(separator: ", ")
  return names.count > 10 ? "\(shown) and \(names.count - 10) more" : shown
}
