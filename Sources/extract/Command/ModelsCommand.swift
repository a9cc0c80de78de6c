import ArgumentParser
import Files
import Foundation
import ModelHub
import Reporting

struct ModelsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "models",
    abstract: "Lists the models that --finetune takes by name, with their sizes and where they are.",
    discussion: """
      First what is on this machine: the Hugging Face cache, torch.hub's checkpoints and downloads by address. Then the \
      names of timm that are downloaded from the hub when they are asked for. Whether a model is one that is supported \
      shows when it is loaded. Nothing is asked of the network.
      """)

  @Argument(help: "Names to list: a pattern as in a shell, or a part of the name.")
  var pattern: String?

  @Flag(help: "Print the list as JSON.")
  var json = false

  func run() throws {
    let models = ModelSurvey().models().filter { model in pattern.map { Self.matches(model.name, $0) } ?? true
    }
    guard !models.isEmpty || pattern == nil else {
      throw InputError(
        pattern!, "is part of no model's name", remedy: "extract models without it lists all of them")
    }
    if json { return try StandardOutput.write(CanonicalJSON.page(models)) }
    var table = Table([.text("model"), .number("size"), .number("parameters"), .text("where")])
    for model in models {
      table.append([
        model.name, model.bytes.map(NumberText.bytes) ?? "", model.parameters.map(Self.millions) ?? "",
        model.place.rawValue,
      ])
    }
    try StandardOutput.write(table.text)
  }

  private static func matches(_ name: String, _ pattern: String) -> Bool {
    let isPart = !pattern.contains { "*?[".contains($0) }
    return fnmatch(isPart ? "*\(pattern)*" : pattern, name, 0) == 0
  }

  private static func millions(_ count: Int) -> String { "\(NumberText.rounded(Double(count) / 1e6)) M" }
}
