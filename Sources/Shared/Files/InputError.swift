/// Something outside the program is not as it must be: a file, an argument, a machine.
///
/// Its description is the one line that a user reads: what, where, and what to do.
public struct InputError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The file, folder or option that is wrong.
  public let subject: String
  /// What is wrong with it.
  public let reason: String
  /// What the user can do, where there is something.
  public let remedy: String?

  public init(_ subject: String, _ reason: String, remedy: String? = nil) {
    self.subject = subject
    self.reason = reason
    self.remedy = remedy
  }

  public var description: String {
    let line = "\(subject): \(reason)" + (remedy.map { "; \($0)" } ?? "")
    // Names out of a stranger's file must neither break the line nor steer the terminal that shows it.
    return line.unicodeScalars.reduce(into: "") { text, scalar in
      text += scalar.properties.generalCategory == .control ? scalar.escaped(asASCII: true) : String(scalar)
    }
  }
}
