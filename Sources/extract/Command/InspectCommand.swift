import ArgumentParser
import CachePages
import Files
import Reporting
import TokenStore

struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Shows what is in a cache and how it was made.")

  @Argument(help: "Cache.")
  var cache: String

  @Flag(help: "Print the manifest as JSON.")
  var json = false

  func run() throws {
    let manifest = try CacheManifest.read(cache)
    if json {
      try StandardOutput.write(manifest.encoded())
      return
    }
    var lines = CacheDescription.lines(manifest)
    if manifest.state == .complete { lines += try undecodable(manifest) }
    try StandardOutput.write(lines.map { $0.name.padded(to: 18) + $0.value.printable + "\n" }.joined())
  }

  private func undecodable(_ manifest: CacheManifest) throws -> [(name: String, value: String)] {
    guard manifest.undecodableRowCount > 0 else { return [] }
    let rows = try TokenCache(cache)
    var names: [String] = []
    for row in 0..<rows.rowCount where rows.rowStates[row] == .undecodable && names.last != rows.id(row: row)
    {
      names.append(rows.id(row: row))
    }
    return names.enumerated().map { ($0 == 0 ? "undecodable" : "", $1) }
  }
}

extension String {
  fileprivate func padded(to length: Int) -> String {
    self + String(repeating: " ", count: max(1, length - count))
  }
}
