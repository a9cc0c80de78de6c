import ArgumentParser
import Files
import Images

/// Which images are encoded.
struct DatasetOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Folder of images, with one folder a class or flat.", valueName: "folder"))
  var dataPath: String

  @Option(help: ArgumentHelp("Folder below --data-path to use, such as train or val.", valueName: "name"))
  var split: String?

  @Flag(help: "End with an error at the first image that cannot be decoded.")
  var strict = false

  func dataset() throws(InputError) -> ImageDataset { try ImageDataset(path: dataPath, split: split) }
}
