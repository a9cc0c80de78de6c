/// Names on one line of an error, the first ten where there are more.
func summary(_ names: [String]) -> String {
  names.prefix(10).joined(separator: ", ") + (names.count > 10 ? " and \(names.count - 10) more" : "")
}
