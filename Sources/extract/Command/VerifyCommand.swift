import ArgumentParser
import Compute
import Files
import Foundation
import Reporting
import TokenStore

struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Reads every byte of a cache and says which rows and files are damaged.")

  @Argument(help: "Cache.")
  var cache: String

  func run() throws {
    let verification = try CacheVerifier.verify(cache, parallel: Parallel())
    for problem in verification.problems { print(problem) }
    for row in verification.badRows { print(row) }
    guard verification.isGood else {
      throw InputError(
        cache, "\(verification.problems.count) problems, \(verification.badRows.count) damaged rows",
        remedy: "remove the damaged shards and run extract tokens again: it makes only what is missing")
    }
    print(
      "\(cache): good; \(verification.checkedRowCount) rows in \(NumberText.bytes(verification.byteCount)), "
        + "\(verification.undecodableRowCount) of them undecodable")
  }
}
