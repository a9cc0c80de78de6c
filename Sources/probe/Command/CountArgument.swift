import ArgumentParser

/// A number of at least 1, or `all`.
struct CountArgument: ExpressibleByArgument, CustomStringConvertible, Equatable {
  /// Nil for all.
  let count: Int?

  init(_ count: Int?) { self.count = count }

  init?(argument: String) {
    if argument == "all" {
      count = nil
    } else {
      guard let number = Int(argument), number > 0 else { return nil }
      count = number
    }
  }

  var description: String { count.map(String.init) ?? "all" }
  var defaultValueDescription: String { description }
}
