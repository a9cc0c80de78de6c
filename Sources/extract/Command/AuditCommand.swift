import ArgumentParser
import Checkpoints
import Files
import ModelHub
import Reporting

struct AuditCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "audit", abstract: "Shows every key of a checkpoint and what becomes of it.",
    discussion: """
      Also of checkpoints that cannot be loaded, and then ends with an error that says why.
      """)

  @Argument(help: "Checkpoint, as for extract tokens --finetune.")
  var checkpoint: String

  @OptionGroup(title: "Model") var modelOptions: ModelOptions

  @Flag(help: "Print JSON.")
  var json = false

  @Flag(name: .shortAndLong, help: "Show no progress of a download.")
  var quiet = false

  func run() throws {
    let model = try ModelLocator.locate(checkpoint, style: quiet ? .quiet : .automatic)
    let audit = try CheckpointAudit(modelOptions.request(model.path))
    try StandardOutput.write(json ? CanonicalJSON.page(audit) : AuditTable.text(audit))
    if let problem = audit.problem { throw InputError(audit.file, problem) }
  }
}

/// A checkpoint's keys for people: one row a key, and what else is known below.
enum AuditTable {
  static func text(_ audit: CheckpointAudit) -> String {
    var table = Table([
      .text("key"), .text("shape"), .text("type"), .text("fate"), .text("becomes, or why not"),
    ])
    for key in audit.keys {
      table.append([
        key.key, key.shape.map { $0.map(String.init).joined(separator: " x ") } ?? "", key.type,
        key.fate.rawValue, key.name ?? key.reason ?? "",
      ])
    }
    for key in audit.missing { table.append([key, "", "", "missing", ""]) }
    let settings = audit.settings.map { "\($0.name) \($0.value): \($0.origin)".printable + "\n" }
    let notes = audit.notes.map { $0.printable + "\n" }
    return table.text + "\n" + (notes + settings).joined() + (audit.sha256.map { "SHA-256 \($0)\n" } ?? "")
  }
}
