import Extraction
import Reporting

/// Where an extraction's time went, for people.
enum ProfileTable {
  static func text(_ profile: ExtractionProfile) -> String {
    guard profile.rowCount > 0 else { return "no row was encoded\n" }
    var table = Table([.text("stage"), .number("ms a row"), .number("%"), .number("GFLOP/s a thread")])
    for stage in profile.stages {
      table.append([
        stage.name, NumberText.fixed(1000 * stage.seconds / Double(profile.rowCount), 3),
        NumberText.fixed(100 * stage.seconds / profile.availableSeconds, 1),
        stage.operationCount.map { NumberText.fixed($0 / stage.seconds / 1e9, 0) } ?? "",
      ])
    }
    let total = 1000 * profile.availableSeconds / Double(profile.rowCount)
    table.append(["all threads together", NumberText.fixed(total, 3), "100.0", ""])
    return table.text
  }
}
