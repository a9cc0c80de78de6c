import ArgumentParser
import Baselines
import Commands
import Evaluation
import Files
import Reporting

/// How the penalty of a linear model is chosen.
struct SelectionOptions: ParsableArguments {
  @Option(help: "Decides which training images choose between penalties: a tenth of each class.")
  var seed: UInt64 = 0

  @Option(
    help: ArgumentHelp(
      "Write a CSV file with each image's label, prediction and the rank of its label.", valueName: "file"))
  var predictions: String?
}

extension ListArgument<Double> {
  func validatePenalties() throws {
    guard elements.allSatisfy({ $0 > 0 && $0.isFinite }) else {
      throw ValidationError("--penalties must be positive numbers.")
    }
  }
}

/// The penalties that were tried and what the chosen one is worth: what `probe ridge` and `probe logistic` print.
struct PenaltyResult<Measured: Encodable>: Encodable {
  let features: String
  let trainImages: Int
  let candidates: [PenaltySelection.Candidate]
  let penalty: Double
  let hasConverged: Bool
  let validation: Measured

  init(_ data: BaselineData, features: String, _ selection: PenaltySelection, _ validation: Measured) {
    self.features = features
    trainImages = data.train.count
    candidates = selection.candidates
    penalty = selection.penalty
    hasConverged = selection.model.hasConverged
    self.validation = validation
  }

  enum CodingKeys: String, CodingKey {
    case features, candidates, penalty, validation
    case trainImages = "train_images"
    case hasConverged = "converged"
  }

  /// The candidates' table, where there was a choice, above that of the chosen model.
  func text(_ measured: Table) -> String {
    guard !candidates.isEmpty else { return measured.text }
    var table = Table([
      .number("penalty"), .number("held-out top-1 %"), .number("held-out top-5 %"), .text("chosen"),
    ])
    for candidate in candidates {
      table.append([
        "\(candidate.penalty)", NumberText.fixed(100 * candidate.heldOut.top1, 1),
        NumberText.fixed(100 * candidate.heldOut.top5, 1), candidate.penalty == penalty ? "*" : "",
      ])
    }
    return table.text + "\n" + measured.text
  }
}
