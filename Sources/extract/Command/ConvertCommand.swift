import ArgumentParser
import Checkpoints
import Files
import ModelHub
import Reporting

struct ConvertCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract:
      "Writes a checkpoint's encoder as safetensors with timm's names and a config.json, for timm to load.",
    discussion: """
      timm loads it with create_model("local-dir:FOLDER", pretrained=True), extract tokens with --finetune FOLDER. Heads, \
      decoders and whatever else tokens do not pass through are left out.
      """)

  @Argument(help: "Checkpoint, as for extract tokens --finetune.")
  var checkpoint: String

  @Option(
    name: .customLong("output-dir"),
    help: ArgumentHelp("Folder for model.safetensors and config.json.", valueName: "folder"))
  var outputPath: String

  @OptionGroup(title: "Model") var modelOptions: ModelOptions
  @OptionGroup(title: "Preprocessing") var preprocessingOptions: PreprocessingOptions

  @Flag(name: .shortAndLong, help: "Print no notes.")
  var quiet = false

  func run() throws {
    let model = try ModelLocator.locate(checkpoint, style: quiet ? .quiet : .automatic)
    let loaded = try CheckpointLoader.load(preprocessingOptions.request(modelOptions.request(model.path)))
    let converter = try CheckpointConverter(loaded)
    if !quiet {
      for line in model.notes + loaded.report.lines + converter.notes {
        StandardError.write("\(loaded.fileName): \(line)".printable + "\n")
      }
    }
    try converter.write(to: outputPath)
    try StandardOutput.write(
      "\(outputPath): \(loaded.configuration.depth) blocks of \(loaded.dialect) as timm's \(converter.architecture)\n"
    )
  }
}
