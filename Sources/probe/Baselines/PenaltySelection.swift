import Compute
import Evaluation
import Files

/// A linear model chosen from a grid of penalties: each is fitted to most of the training images and measured on the
/// rest, and the best is fitted again to all of them.
public struct PenaltySelection: Sendable {
  /// What one penalty is worth on the held-out training images.
  public struct Candidate: Codable, Equatable, Sendable {
    public let penalty: Double
    public let hasConverged: Bool
    public let heldOut: Accuracies

    enum CodingKeys: String, CodingKey {
      case penalty
      case hasConverged = "converged"
      case heldOut = "held_out"
    }
  }

  /// From the greatest penalty to the smallest; empty where there was nothing to choose.
  public let candidates: [Candidate]
  public let penalty: Double
  /// Fitted to all training images with the chosen penalty.
  public let model: LinearModel

  /// - Parameters:
  ///   - penalties: positive; the most accurate one is chosen, of equal ones the greatest.
  ///   - split: nil only where there is one penalty.
  ///   - fit: fits a model for each penalty, greatest first, and hands it over.
  init(
    _ features: LabelledFeatures, penalties: [Double], split: TrainingSplit?, _ parallel: Parallel,
    onCandidate: @escaping (Candidate) -> Void,
    fit: (
      _ features: LabelledFeatures, _ penalties: [Double], _ each: (LinearModel) throws -> Void
    ) throws -> Void
  ) throws {
    precondition(
      !penalties.isEmpty && penalties.allSatisfy { $0 > 0 && $0.isFinite }, "\(penalties) are no penalties")
    let descending = Set(penalties).sorted(by: >)
    var candidates: [Candidate] = []
    if let split, descending.count > 1 {
      let heldOut = features.subset(split.heldOut)
      try fit(features.subset(split.learned), descending) { model in
        let accuracies = try model.measure(on: heldOut, parallel).accuracies
        let candidate = Candidate(
          penalty: descending[candidates.count], hasConverged: model.hasConverged, heldOut: accuracies)
        candidates.append(candidate)
        onCandidate(candidate)
      }
    }
    precondition(
      candidates.count == descending.count || descending.count == 1,
      "\(descending.count) penalties need held-out images to choose by")
    let best = candidates.reduce(candidates.first) { $1.heldOut.top1 > $0!.heldOut.top1 ? $1 : $0 }
    let penalty = best?.penalty ?? descending[0]
    var chosen: LinearModel?
    try fit(features, [penalty]) { chosen = $0 }
    self.candidates = candidates
    self.penalty = penalty
    model = chosen!
  }
}
