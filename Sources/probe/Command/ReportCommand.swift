import ArgumentParser
import Files
import Reporting
import Training

struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report", abstract: "Compares finished runs: a table, and an HTML page with learning curves."
  )

  @Argument(help: "Run folders; of a sweep's folder, the runs that are finished.")
  var runs: [String]

  @Option(name: .shortAndLong, help: ArgumentHelp("HTML file to write.", valueName: "file"))
  var output: String?

  @Option(help: "Title of the page.")
  var title = "Probe heads compared"

  mutating func run() throws {
    runs = try runs.flatMap { try SweepFolder.finishedRuns($0) }
    let folders = runs.map { RunFolder($0) }
    let summaries = try folders.map { try $0.readSummary() }
    let table = ResultTable.of(Array(zip(runs, summaries)))
    print(table.text, terminator: "")
    guard let output else { return }
    let records = try folders.map { try JSONLines.read($0.metricsFile, as: EpochRecord.self) }
    try page(table, summaries, records).write(to: output)
  }

  private func page(_ table: Table, _ summaries: [RunSummary], _ records: [[EpochRecord]]) -> HTMLReport {
    var report = HTMLReport(title: title)
    report.append(
      paragraph:
        "Each head was trained on the same frozen encoder's cached tokens and measured on the validation images "
        + "after every epoch. Accuracies are those after the last epoch unless they are marked as best.")
    report.append(table, caption: "Heads, their trained parameters and validation accuracies")
    report.append(
      BarPlot(
        "Validation accuracy after the last epoch", categories: names(summaries),
        axis: Axis("accuracy", unit: "%"),
        series: [
          .init("top-1", summaries.map { 100 * $0.final.validation.top1 }),
          .init("top-5", summaries.map { 100 * $0.final.validation.top5 }),
        ]), caption: "Top-1 and top-5 accuracy of each head.")
    report.append(
      curves("Validation top-1 accuracy", unit: "%", summaries, records) { 100 * $0.validation.top1 },
      caption: "Accuracy on the validation images after each epoch.")
    report.append(
      curves("Training loss", unit: "nats", summaries, records) { $0.trainLoss },
      caption: "Mean cross entropy of each epoch's training images, while the weights change.")
    report.append(heading: "How it was made")
    report.append(provenance: provenance(summaries))
    return report
  }

  /// Heads by name; by name and folder where two share one.
  private func names(_ summaries: [RunSummary]) -> [String] {
    let names = summaries.map(\.configuration.head.name)
    return zip(names, runs).map { name, run in
      names.filter { $0 == name }.count > 1 ? "\(name) (\(run.split(separator: "/").last ?? ""))" : name
    }
  }

  private func curves(
    _ title: String, unit: String, _ summaries: [RunSummary], _ records: [[EpochRecord]],
    _ value: (EpochRecord) -> Double
  ) -> LinePlot {
    LinePlot(
      title, x: Axis("epoch"), y: Axis(title, unit: unit),
      series: zip(names(summaries), records).map { name, records in
        .init(name, records.map { (x: Double($0.epoch + 1), y: value($0)) })
      })
  }

  private func amp(_ summaries: [RunSummary]) -> String {
    let values = Set(summaries.map(\.configuration.products.rawValue)).sorted()
    guard values.count > 1 else { return values[0] }
    return zip(names(summaries), summaries).map { "\($0): \($1.configuration.products.rawValue)" }
      .joined(separator: ", ")
  }

  private func provenance(_ summaries: [RunSummary]) -> [(name: String, value: String)] {
    let first = summaries[0]
    return [
      ("Program", "PatchBank \(first.programVersion)"),
      ("Encoder", "\(first.encoder), checkpoint SHA-256 \(first.checkpointSHA256)"),
      ("Training images", "\(first.train.images) (manifest SHA-256 \(first.train.manifestSHA256))"),
      (
        "Validation images",
        "\(first.validation.images) (manifest SHA-256 \(first.validation.manifestSHA256))"
      ),
      ("Epochs, batch size", "\(first.configuration.epochs), \(first.configuration.batchSize)"),
      ("Operands of matrix products (--amp)", amp(summaries)),
    ]
  }
}
