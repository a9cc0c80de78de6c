import ArgumentParser
import Compute
import Files
import Images

/// Which images are encoded.
struct DatasetOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Data set: folder of images (one folder a class, or flat), list (.csv, .tsv), folder of CIFAR-10, CIFAR-100 or STL-10 in binary form, or WebDataset shards (a .tar, a folder of them, or a pattern such as train-{000..146}.tar).",
      valueName: "path"))
  var dataPath: String

  @Option(help: "Kind of data set, where its contents do not tell.")
  var dataFormat: Format = .auto

  @Option(help: ArgumentHelp("Part of the data set to use, such as train or val.", valueName: "name"))
  var split: String?

  @Option(
    help: ArgumentHelp(
      "Folder that a list's paths start from; by default the list's own.", valueName: "folder"))
  var imageRoot: String?

  @Option(
    help: ArgumentHelp("Names of the classes of a list or of shards, one a line from 0.", valueName: "file"))
  var classNames: String?

  @Option(
    help: ArgumentHelp(
      "Classes to use, numbered anew: patterns with commas between, or @FILE with one name a line.",
      valueName: "classes"))
  var includeClasses: String?

  @Option(help: ArgumentHelp("Use so many images, drawn evenly from the classes.", valueName: "images"))
  var limit: Int?

  @Option(help: ArgumentHelp("Use this share of the images, drawn likewise.", valueName: "share"))
  var fraction: Double?

  @Option(help: ArgumentHelp("Seed of the drawing.", valueName: "seed"))
  var subsetSeed: UInt64 = 0

  @Flag(help: "End with an error at the first image that cannot be decoded.")
  var strict = false

  enum Format: String, CaseIterable, ExpressibleByArgument {
    case auto, folder, list, cifar10, cifar100, stl10, webdataset
  }

  func validate() throws {
    if limit != nil, fraction != nil { throw ValidationError("Give --limit or --fraction, not both.") }
    if let limit, limit < 1 { throw ValidationError("--limit must be at least 1, not \(limit).") }
    if let fraction, !(fraction > 0 && fraction <= 1) {
      throw ValidationError("--fraction must be above 0 and at most 1, not \(fraction).")
    }
  }

  func dataset(parallel: Parallel) throws(InputError) -> ImageDataset {
    var dataset = try ImageDataset(
      path: dataPath, format: DatasetFormat(rawValue: dataFormat.rawValue), split: split,
      imageRoot: imageRoot, classNameFile: classNames, parallel: parallel)
    if let includeClasses { dataset = try dataset.including(ClassSelection(option: includeClasses)) }
    if let limit { dataset = dataset.sample(count: limit, seed: subsetSeed) }
    if let fraction { dataset = dataset.sample(fraction: fraction, seed: subsetSeed) }
    return dataset
  }
}
