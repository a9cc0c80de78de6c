import Compute
import Foundation
import Reporting

/// What was measured, each beside what it is compared with.
struct Report {
  enum Unit: String, Encodable {
    case operations = "GFLOP/s"
    case bytes = "GB/s"
    case values = "Gvalues/s"
    case images = "images/s"

    var scale: Double { self == .images ? 1 : 1e9 }
  }

  private struct Row: Encodable {
    let kernel: String
    let unit: Unit
    /// In units.
    let rate: Double
    let ceiling: Double?
    let ceilingName: String?
  }

  private var rows: [Row] = []

  /// - Parameters:
  ///   - rate: operations, bytes, values or images a second.
  ///   - ceiling: in the same; nil for what is a ceiling itself.
  mutating func add(
    _ kernel: String, _ rate: Double, _ unit: Unit, of ceiling: (name: String, rate: Double)? = nil
  ) {
    rows.append(
      Row(
        kernel: kernel, unit: unit, rate: rate / unit.scale, ceiling: ceiling.map { $0.rate / unit.scale },
        ceilingName: ceiling?.name))
  }

  /// A table, below the name of the library that single-precision products are computed by: its settings decide a lot.
  var text: String {
    var table = Table([
      .text("kernel"), .number("rate"), .text(""), .number("ceiling"), .number("share"), .text("ceiling is"),
    ])
    for row in rows {
      table.append([
        row.kernel, NumberText.rounded(row.rate), row.unit.rawValue,
        row.ceiling.map(NumberText.rounded) ?? "",
        row.ceiling.map { NumberText.percentage(row.rate / $0, digits: 0) } ?? "", row.ceilingName ?? "",
      ])
    }
    return BLAS.description + "\n\n" + table.text
  }

  func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(rows), as: UTF8.self) + "\n"
  }
}
