import Files

/// An answer that is kept in memory.
final class CollectedAnswer: AnswerReceiver {
  private(set) var bytes: [UInt8] = []
  private let limit: Int
  private let subject: String

  /// - Parameter limit: the bytes that an answer may have.
  init(limit: Int, subject: String) {
    self.limit = limit
    self.subject = subject
  }

  func begin(_ head: HTTPHead) { bytes = [] }

  func receive(_ more: UnsafeRawBufferPointer) throws {
    guard more.count <= limit - bytes.count else {
      throw InputError(
        subject, "the server answers with more than \(limit >> 20) MiB, which is no description")
    }
    bytes.append(contentsOf: more)
  }
}
