import ArgumentParser
import Commands
import Compute
import Files
import Reporting
import TokenStore

struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Reads every byte of a cache and says which rows and files are damaged.")

  @Argument(help: "Cache.")
  var cache: String

  @Flag(help: "Print the result as JSON.")
  var json = false

  @Flag(name: .shortAndLong, help: "Show no progress.")
  var quiet = false

  func run() throws {
    Interruption.listen()
    let verification = try verify()
    if json {
      try StandardOutput.write(CanonicalJSON.page(Result(cache, verification)))
    } else {
      let lines = verification.problems.map(\.description) + verification.badRows.map(\.description)
      try StandardOutput.write(lines.map { $0.printable + "\n" }.joined())
    }
    guard verification.isGood else {
      throw InputError(
        cache, "\(verification.problems.count) problems, \(verification.badRows.count) damaged rows",
        remedy: "remove the damaged shards and run extract tokens again: it makes only what is missing")
    }
    guard !json else { return }
    try StandardOutput.write(
      "\(cache.printable): good; \(verification.checkedRowCount) rows in \(NumberText.bytes(verification.byteCount)), "
        + "\(verification.undecodableRowCount) of them undecodable\n")
  }

  private func verify() throws -> CacheVerification {
    let work = WorkAtHand(style: quiet ? .quiet : .automatic)
    defer { work.end() }
    return try CacheVerifier.verify(cache, parallel: Parallel()) { [cache] rows, total in
      if Interruption.isRequested { throw InterruptedError("stopped before all of \(cache) was read") }
      if rows == 0 { work.begin("verifying", unit: "rows", total: total) }
      work.advance(to: rows)
    }
  }

  /// What is printed as JSON.
  private struct Result: Encodable {
    let cache: String
    let good: Bool
    let rows: Int
    let undecodable: Int
    let bytes: Int
    let problems: [Problem]
    let damagedRows: [DamagedRow]

    struct Problem: Encodable {
      let file: String
      let reason: String
    }

    struct DamagedRow: Encodable {
      let row: Int
      let id: String
      let shard: String
    }

    enum CodingKeys: String, CodingKey {
      case cache, good, rows, undecodable, bytes, problems
      case damagedRows = "damaged_rows"
    }

    init(_ cache: String, _ verification: CacheVerification) {
      self.cache = cache
      good = verification.isGood
      rows = verification.checkedRowCount
      undecodable = verification.undecodableRowCount
      bytes = verification.byteCount
      problems = verification.problems.map { Problem(file: $0.file, reason: $0.reason) }
      damagedRows = verification.badRows.map { DamagedRow(row: $0.row, id: $0.id, shard: $0.shard) }
    }
  }
}
