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
      print(try manifest.encoded(), terminator: "")
      return
    }
    for (name, value) in CacheDescription.lines(manifest) {
      print(name.padded(to: 18) + value)
    }
    guard manifest.state == .complete else { return }
    try printUndecodable(manifest)
  }

  private func printUndecodable(_ manifest: CacheManifest) throws {
    guard manifest.undecodableRowCount > 0 else { return }
    let rows = try TokenCache(cache)
    var names: [String] = []
    for row in 0..<rows.rowCount where rows.rowStates[row] == .undecodable && names.last != rows.id(row: row)
    {
      names.append(rows.id(row: row))
    }
    for (index, name) in names.enumerated() {
      print((index == 0 ? "undecodable" : "").padded(to: 18) + name)
    }
  }
}

extension String {
  fileprivate func padded(to length: Int) -> String {
    self + String(repeating: " ", count: max(1, length - count))
  }
}
