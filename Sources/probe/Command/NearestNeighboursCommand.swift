import ArgumentParser
import Baselines
import Commands
import Files
import Reporting

struct NearestNeighboursCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "knn",
    abstract:
      "Classifies images by their nearest training images: cosine similarity, weighted votes, as DINO does it."
  )

  @OptionGroup(title: "Data") var data: BaselineOptions

  @Option(name: .customLong("k"), help: "Numbers of neighbours that vote, with commas between.")
  var neighbours = ListArgument(NearestNeighbours.defaultNeighbours)

  @Option(help: "Temperatures of the votes' weights exp(similarity / temperature), with commas between.")
  var temperature = ListArgument(NearestNeighbours.defaultTemperatures)

  @Option(
    help: ArgumentHelp(
      "Write a CSV file with each image's label, prediction, the rank of its label and its prediction's share of the votes.",
      valueName: "file"))
  var predictions: String?

  @OptionGroup(title: "Output") var output: OutputOptions

  func validate() throws {
    guard neighbours.elements.allSatisfy({ $0 > 0 }) else {
      throw ValidationError("--k must be numbers of at least 1.")
    }
    guard temperature.elements.allSatisfy({ $0 > 0 && $0.isFinite }) else {
      throw ValidationError("--temperature must be positive numbers.")
    }
    if predictions != nil && neighbours.elements.count * temperature.elements.count > 1 {
      throw ValidationError("--predictions needs a single --k and a single --temperature.")
    }
  }

  func run() throws {
    let parallel = output.parallel
    let monitor = BaselineMonitor(style: output.progressStyle)
    let data = try data.load(monitor, parallel)
    let search = NearestNeighbours(
      data.train, neighbours: neighbours.elements, temperatures: temperature.elements)
    var lines = PredictionLines(id: data.validationID, classNames: data.classNames)
    monitor.work.begin("neighbours", total: data.validation.count)
    let results = try search.measure(on: data.validation, parallel) { places, block in
      guard predictions != nil else { return }
      lines.add(rows: data.validationRows[places], labels: data.validation.labels[places], block)
    } onProgress: {
      try monitor.advance(to: $0)
    }
    monitor.work.end()
    if let predictions { try AtomicFileWriter.write(lines.text, to: predictions) }
    if output.json {
      let result = Result(
        features: self.data.features.features.rawValue, trainImages: data.train.count,
        images: data.validation.count,
        results: results)
      try StandardOutput.write(CanonicalJSON.page(result))
    } else {
      try StandardOutput.write(table(results).text)
    }
  }

  private struct Result: Encodable {
    let features: String
    let trainImages: Int
    let images: Int
    let results: [NearestNeighbours.Accuracy]

    enum CodingKeys: String, CodingKey {
      case features, images, results
      case trainImages = "train_images"
    }
  }

  private func table(_ results: [NearestNeighbours.Accuracy]) -> Table {
    var table = Table([.number("k"), .number("temperature"), .number("top-1 %"), .number("top-5 %")])
    for result in results {
      table.append([
        String(result.neighbours), "\(result.temperature)", NumberText.fixed(100 * result.top1, 1),
        NumberText.fixed(100 * result.top5, 1),
      ])
    }
    return table
  }
}
