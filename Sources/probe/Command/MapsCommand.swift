import ArgumentParser
import Commands
import Files
import Images
import Maps
import Overlays
import Reading
import Reporting
import Training

extension DatasetFormat: ExpressibleByArgument {}
extension MapInterpolation: ExpressibleByArgument {}

struct MapsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "maps", abstract: "Draws where the head of a finished run looks, as pictures and a page.",
    discussion: """
      Images are chosen by --images: best:N, worst:N, wrong:N, class:NAME:N, rows, ids, or patterns of ids. Without it, \
      the best, the worst and some mistakes are shown, and some of each class where there are few.
      """)

  @Argument(help: ArgumentHelp("Run folder.", valueName: "run"))
  var runPath: String

  @Option(help: ArgumentHelp("Cache of the images; several are joined.", valueName: "cache"))
  var data: [String]

  @Option(
    name: [.customLong("output-dir"), .short], help: ArgumentHelp("Folder to write.", valueName: "folder"))
  var outputPath: String

  @Flag(help: "Replace an earlier page.")
  var overwrite = false

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Which images: best:12 'class:cat*:6' 17 'dog/*' ...", valueName: "images"))
  var images: [String] = []

  @Option(
    help: ArgumentHelp(
      "Where the images are, as extract was told; one for all caches or one for each. Without it maps are drawn alone.",
      valueName: "path"))
  var dataPath: [String] = []

  @Option(help: "Kind of data set, where its contents do not tell.")
  var dataFormat: DatasetFormat?

  @Option(
    help: ArgumentHelp(
      "Folder that a list's paths start from; by default the list's own.", valueName: "folder"))
  var imageRoot: String?

  @Option(help: ArgumentHelp("Longer side of the pictures.", valueName: "pixels"))
  var size = MapOptions().pictureSide

  @Option(help: "Between the centres of patches: nearest, for one colour a patch, or bilinear.")
  var interpolation = MapOptions().interpolation

  @OptionGroup(title: "Another encoder") var companionOptions: CompanionOptions
  @OptionGroup(title: "Data") var reading: ReadingArguments
  @OptionGroup(title: "Output") var output: OutputOptions

  func validate() throws {
    guard MapOptions.pictureSides.contains(size) else {
      throw ValidationError("--size must be 32 to 2048 pixels, not \(size).")
    }
  }

  func run() throws { try Interruption.during(writing: "page", draw) }

  private func draw() throws {
    var options = MapOptions()
    options.terms = try images.map { text throws(InputError) in try ImageTerm(text) }
    (options.pictureSide, options.interpolation) = (size, interpolation)
    (options.imagePaths, options.imageFormat, options.imageRoot) = (dataPath, dataFormat, imageRoot)
    let trained = try TrainedHead(RunFolder(runPath), parallel: output.parallel)
    let tokens = try trained.data(paths: data, labelFile: reading.labelFile, reading: reading.options)
    let companions = try companionOptions.caches(of: trained, reading.options)
    let gallery = MapGallery(
      trained, tokens, companions, options, programVersion: Program.version, output.parallel)
    let work = WorkAtHand(style: output.progressStyle)
    // An error, too, begins on a line of its own.
    defer { work.end() }
    let result = try gallery.write(
      to: outputPath, overwriting: overwrite, scratchFolder: ScratchFile.defaultFolder, .init(work))
    work.end()
    try StandardOutput.write(
      output.json
        ? CanonicalJSON.page(result)
        : "\(result.maps) maps of \(result.images) images: \(result.page.printable)\n")
    if !dataPath.isEmpty, result.imagesMissing > 0 {
      StandardError.write("\(result.imagesMissing) images were not found: their maps are drawn alone\n")
    }
    if !result.sheetsHaveText {
      StandardError.write("contact sheets are without words, which need \(Picture.library)\n")
    }
    if !result.headHasMaps {
      StandardError.write(
        "in the features of \(trained.summary.configuration.head.name) no token weighs more than another: the maps are of "
          + "the encoder's own [cls]\n")
    }
  }
}
